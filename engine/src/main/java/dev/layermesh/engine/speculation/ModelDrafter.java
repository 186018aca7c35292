package dev.layermesh.engine.speculation;

import dev.layermesh.decoding.DraftToken;
import dev.layermesh.decoding.Handoff;
import dev.layermesh.decoding.TokenIds;
import dev.layermesh.decoding.TokenSequence;
import dev.layermesh.decoding.VerifyReply.Verdict;
import dev.layermesh.decoding.loop.Drafter;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Runs the early layers of proposed tokens and hands their exit states to the verifier. For K draft tokens it runs
 * K + 1 rows: the last draft token's row too, so that the verifier never needs a layer below the exit.
 */
final class ModelDrafter implements Drafter {
  private final Proposer proposer;
  private final EarlyLayers early;
  private final int exitLayer;

  /**
   * A drafter.
   *
   * @param proposer of the tokens
   * @param early layers [0, exitLayer), empty; closes with this drafter
   */
  ModelDrafter(Proposer proposer, EarlyLayers early, int exitLayer) {
    this.proposer = proposer;
    this.early = early;
    this.exitLayer = exitLayer;
  }

  @Override
  public Handoff extend(TokenSequence known, int from, int to) throws InterruptedException {
    extendTo(known, to);
    return handoff(known.slice(from, to), from);
  }

  @Override
  public Draft draft(TokenSequence known, int tokens, boolean tail) throws InterruptedException {
    int first = known.length() - 1;
    extendTo(known, first);
    early.truncate(first);
    List<DraftToken> drafted = proposer.propose(known, tail ? tokens + 1 : tokens);
    int rows = 1 + Math.min(tokens, drafted.size());
    TokenIds ids = TokenIds.of(IntStream.range(0, rows)
        .map(row -> row == 0 ? known.id(first) : drafted.get(row - 1).id())
        .toArray());
    early.append(ids.slice(early.length() - first, rows));
    return new Draft(handoff(ids, first), drafted);
  }

  /**
   * Runs rows of known tokens up to {@code position}, also of those that the verifier cached and no Extend asked for.
   */
  private void extendTo(TokenSequence known, int position) throws InterruptedException {
    int first = early.length();
    if (first < position) {
      early.extend(known.slice(first, known.length() - 1), position - first);
    }
  }

  private Handoff handoff(TokenIds ids, int from) {
    return new Handoff.ExitStates(from, ids, exitLayer, early.states(from, from + ids.length()));
  }

  @Override
  public void observe(TokenSequence committed, Verdict verdict) {
    int settled = committed.length() - 1;
    if (verdict.next().isPresent()) {
      early.truncate(settled);
    }
    early.share(settled);
  }

  @Override
  public long rowsRun() {
    return early.rowsRun();
  }

  @Override
  public void close() {
    early.close();
  }
}
