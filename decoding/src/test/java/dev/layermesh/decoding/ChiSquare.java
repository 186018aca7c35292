package dev.layermesh.decoding;

/** Pearson's χ² test of counts against exact probabilities, at a significance of 0.001. */
public final class ChiSquare {
  private static final double QUANTILE = 3.0902; // of the standard normal at 0.999

  private ChiSquare() {}

  /** Whether {@code counts} may have been drawn from {@code probabilities}; cells of probability 0 must be empty. */
  public static boolean fits(long[] counts, double[] probabilities) {
    long total = 0;
    for (long count : counts) {
      total += count;
    }
    double statistic = 0;
    int freedom = -1;
    for (int i = 0; i < counts.length; i++) {
      double expected = probabilities[i] * total;
      if (expected == 0) {
        if (counts[i] > 0) {
          return false;
        }
        continue;
      }
      statistic += (counts[i] - expected) * (counts[i] - expected) / expected;
      freedom++;
    }
    return statistic < critical(freedom);
  }

  /** The 0.999 quantile of χ² (Wilson and Hilferty, PNAS 17, 1931: within 2 % from 3 degrees of freedom on). */
  private static double critical(int freedom) {
    double ninth = 2.0 / (9 * freedom);
    return freedom * Math.pow(1 - ninth + QUANTILE * Math.sqrt(ninth), 3);
  }
}
