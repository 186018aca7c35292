package dev.layermesh.engine.speculation;

import dev.layermesh.decoding.SamplingParams;
import java.time.Duration;

/** Runs rows without a meaning, so that the JIT compiles the kernels before the first session needs them. */
final class WarmUp {
  private static final int STEPS = 300; // the JIT has compiled a small model's kernels by then

  /** One round of what a side runs, on a session of its own. */
  @FunctionalInterface
  interface Round {
    void run(SamplingParams greedy) throws InterruptedException;
  }

  private WarmUp() {}

  /** Repeats a round until the kernels must be compiled, for at most {@code limit}. */
  static void repeat(Round round, Duration limit) throws InterruptedException {
    long start = System.nanoTime();
    for (int i = 0; i < STEPS && System.nanoTime() - start < limit.toNanos(); i++) {
      round.run(SamplingParams.GREEDY);
    }
  }
}
