package dev.layermesh.benchmarks;

import dev.layermesh.decoding.Handoff;
import dev.layermesh.decoding.TokenSequence;
import dev.layermesh.decoding.VerifyReply.Verdict;
import dev.layermesh.decoding.loop.Drafter;

/** A drafter, and how long its drafts took. With one window in flight the rest of a round is the verifier's. */
final class TimedDrafter implements Drafter {
  private final Drafter inner;
  private long firstNanos;
  private long nanos;

  TimedDrafter(Drafter inner) {
    this.inner = inner;
  }

  /** Time of all drafts except the first, which belongs to the prompt. */
  double seconds() {
    return (nanos - firstNanos) / 1e9;
  }

  @Override
  public Draft draft(TokenSequence known, int tokens, boolean tail) throws InterruptedException {
    long start = System.nanoTime();
    Draft draft = inner.draft(known, tokens, tail);
    nanos += System.nanoTime() - start;
    firstNanos = firstNanos == 0 ? nanos : firstNanos;
    return draft;
  }

  @Override
  public Handoff extend(TokenSequence known, int from, int to) throws InterruptedException {
    return inner.extend(known, from, to);
  }

  @Override
  public void observe(TokenSequence committed, Verdict verdict) {
    inner.observe(committed, verdict);
  }

  @Override
  public long rowsRun() {
    return inner.rowsRun();
  }

  @Override
  public void close() {
    inner.close();
  }
}
