package dev.layermesh.benchmarks.kernels;

import java.util.Random;

/** Compares results with those of the scalar kernels. */
final class Checks {
  private Checks() {}

  static float[] randoms(Random random, int count) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }

  /**
   * Throws unless {@code actual} is within {@code tolerance} of {@code expected}.
   *
   * @param tolerance a fraction of {@code scale}, the magnitude of the terms of the result
   */
  static void requireClose(String what, float actual, float expected, double tolerance, double scale) {
    if (!(Math.abs(actual - expected) <= tolerance * scale)) {
      throw new IllegalStateException(what + ": " + actual + ", the scalar kernels say " + expected);
    }
  }
}
