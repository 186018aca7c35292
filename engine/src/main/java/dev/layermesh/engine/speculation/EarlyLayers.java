package dev.layermesh.engine.speculation;

import dev.layermesh.decoding.Distribution;
import dev.layermesh.decoding.HiddenRows;
import dev.layermesh.decoding.SamplingParams;
import dev.layermesh.decoding.TokenIds;
import dev.layermesh.decoding.TokenSequence;
import dev.layermesh.engine.lane.LaneSession;
import dev.layermesh.engine.lane.StepResult;
import java.util.Optional;

/**
 * The first layers for one session, and the exit states of its rows. Rows that a preemption took run again, and the
 * exit states, which are the same to the last bit, are kept meanwhile. Belongs to the session's thread; {@link #close}
 * may come from any.
 */
final class EarlyLayers implements AutoCloseable {
  private final CachedRows rows;
  private final ExitQueryCache exits;

  /** @param lane at the stage of the first layers */
  EarlyLayers(LaneSession lane) {
    this.rows = new CachedRows(lane);
    this.exits = new ExitQueryCache(lane.blockPositions(), lane::room);
  }

  /** Positions whose exit states are here. */
  int length() {
    return exits.length();
  }

  /** Rows run for this session so far. */
  long rowsRun() {
    return rows.rowsRun();
  }

  /** Exit states of positions {@code from} to {@code to} (exclusive). */
  HiddenRows states(int from, int to) {
    return exits.rows(from, to);
  }

  /** Forgets positions from {@code length} on, if there are any. */
  void truncate(int length) {
    if (length < exits.length()) {
      exits.truncate(length);
      rows.truncate(length);
    }
  }

  /** Forgets positions from {@code length} on, and those whose prefix is not that of {@code known}. */
  void truncateTo(TokenSequence known, int length) {
    int same = Math.min(length, length());
    while (rows.tokens().hash(same) != known.hash(same)) {
      same--;
    }
    truncate(same);
  }

  /**
   * Continues at {@link #length()} with known tokens, and shares full blocks of them.
   *
   * @param ids all that are known
   * @param needed how many of them need rows; rows of more are taken where other sessions share them
   */
  void extend(TokenIds ids, int needed) throws InterruptedException {
    int first = length();
    rows.hitPrefix(ids).forEach(exits::append);
    append(ids.slice(Math.min(needed, length() - first), needed));
    share(length());
  }

  /** Runs rows of the next tokens. */
  void append(TokenIds ids) throws InterruptedException {
    for (int from = 0; from < ids.length(); from += rows.partRows()) {
      run(ids.slice(from, Math.min(ids.length(), from + rows.partRows())), Optional.empty());
    }
  }

  /** Runs the next token's row; returns the distribution of the token that follows it. */
  Distribution draw(int id, SamplingParams sampling) throws InterruptedException {
    return run(TokenIds.of(id), Optional.of(sampling)).next().getFirst();
  }

  private StepResult.Done run(TokenIds ids, Optional<SamplingParams> ask) throws InterruptedException {
    StepResult.Done done = rows.run(ids, exits.room(ids.length()), ask);
    exits.advance(ids.length());
    return done;
  }

  /** Lets other sessions use all full blocks below {@code settled}. */
  void share(int settled) {
    rows.share(settled, (from, to) -> Optional.of(exits.share(from, to)));
  }

  @Override
  public void close() {
    rows.close();
  }
}
