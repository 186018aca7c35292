package dev.layermesh.engine.speculation;

import dev.layermesh.decoding.Distribution;
import dev.layermesh.decoding.HiddenRows;
import dev.layermesh.decoding.OverloadedException;
import dev.layermesh.decoding.SamplingParams;
import dev.layermesh.decoding.TokenIds;
import dev.layermesh.engine.kv.PrefixHit;
import dev.layermesh.engine.lane.LaneSession;
import dev.layermesh.engine.lane.StepResult;
import java.time.Duration;
import java.util.Optional;

/**
 * The first layers for one session, and the exit states they left by position. Where a session began with the same
 * tokens before, its rows are taken over; where memory is short, it waits; what had to make room for another session is
 * run again, and the states are the same to the last bit. Belongs to the session's thread, but for {@link #close}.
 */
final class EarlyLayers implements AutoCloseable {
  private static final Duration LONGEST_WAIT = Duration.ofMinutes(1); // then another worker had better do it
  private static final Duration FIRST_PAUSE = Duration.ofMillis(1);
  private static final Duration LONGEST_PAUSE = Duration.ofMillis(50);

  private final LaneSession lane;
  private final ExitQueryCache exits = new ExitQueryCache();
  private int shared; // blocks that others may begin with
  private boolean adopting = true; // whether others may have run what comes next

  EarlyLayers(LaneSession lane) {
    this.lane = lane;
  }

  /** Positions whose exit states are here. */
  int length() {
    return exits.length();
  }

  /** Rows run for this session so far. */
  long rowsRun() {
    return lane.rowsRun();
  }

  /** Exit states of positions {@code from} to {@code to} (exclusive). */
  HiddenRows states(int from, int to) {
    return exits.copy(from, to);
  }

  /** Forgets positions from {@code length} on. */
  void truncate(int length) {
    exits.truncate(length);
    shared = Math.min(shared, length / lane.blockPositions());
  }

  /**
   * Goes on from {@link #length()} with known tokens.
   *
   * @param ids all that are known
   * @param needed of them; more come if that costs nothing
   */
  void extend(TokenIds ids, int needed) throws InterruptedException {
    int first = exits.length();
    if (adopting) {
      adopting = adopt(ids) == ids.length();
    }
    int end = first + needed;
    while (exits.length() < end) {
      int from = exits.length() - first;
      run(ids.slice(from, Math.min(needed, from + lane.partRows())), Optional.empty());
    }
    share(exits.length());
  }

  private int adopt(TokenIds ids) throws InterruptedException {
    int first = exits.length();
    PrefixHit adopted = lane.hitPrefix(first, ids);
    for (HiddenRows states : adopted.states()) {
      int from = exits.length() - first;
      exits.append(ids.slice(from, from + states.count()), states);
    }
    shared = Math.max(shared, adopted.positions() > 0 ? exits.length() / lane.blockPositions() : 0);
    return adopted.positions();
  }

  /** Runs the next position's token, and asks what follows it if {@code ask} says how to choose. */
  Optional<Distribution> draw(int id, Optional<SamplingParams> ask) throws InterruptedException {
    return run(TokenIds.of(id), ask).next().stream().findFirst();
  }

  private StepResult.Done run(TokenIds ids, Optional<SamplingParams> ask) throws InterruptedException {
    int first = exits.length();
    int at = first; // what the lane goes on with, less than first where rows were lost
    long sinceNanos = System.nanoTime();
    Duration pause = FIRST_PAUSE;
    while (true) {
      boolean again = at < first;
      TokenIds part = again ? exits.ids(at, Math.min(first, at + lane.partRows())) : ids;
      switch (lane.run(at, part, again ? Optional.empty() : ask)) {
        case StepResult.Done _ when again -> at += part.length();
        case StepResult.Done done -> {
          exits.append(ids, done.states().orElseThrow());
          return done;
        }
        case StepResult.NoRoom _ -> {
          requirePatience(sinceNanos, at);
          Thread.sleep(pause);
          pause = pause.multipliedBy(2).compareTo(LONGEST_PAUSE) < 0 ? pause.multipliedBy(2) : LONGEST_PAUSE;
        }
        case StepResult.Preempted lost -> {
          at = lost.cached() + lane.hitPrefix(lost.cached(), exits.ids(lost.cached(), first)).positions();
          shared = Math.min(shared, at / lane.blockPositions());
        }
      }
    }
  }

  private static void requirePatience(long sinceNanos, int position) {
    if (System.nanoTime() - sinceNanos > LONGEST_WAIT.toNanos()) {
      throw new OverloadedException("no room for keys and values of position " + position + " for "
          + LONGEST_WAIT.toSeconds() + " s: --kv-memory would have to be larger");
    }
  }

  /** Lets other sessions begin with all full blocks below {@code settled}. */
  void share(int settled) {
    int positions = lane.blockPositions();
    while (lane.sharesPrefixes() && (shared + 1) * positions <= Math.min(settled, exits.length())) {
      int from = shared * positions;
      lane.share(shared, exits.ids(from, from + positions), Optional.of(exits.pack(from, from + positions)));
      shared++;
    }
  }

  @Override
  public void close() {
    lane.close();
  }
}
