package dev.layermesh.decoding;

import dev.layermesh.decoding.PositionRandom.Purpose;
import java.util.Arrays;

/** From logits to a distribution, and from a distribution to a token. Pure functions, the same bits on every JVM. */
public final class Sampler {

  private Sampler() {}

  /**
   * What {@code params} make of a row of logits: temperature, then top-k, then top-p.
   *
   * @param logits vocabSize finite values starting at {@code offset}
   * @throws IllegalStateException when a logit is not a number
   */
  public static Distribution distribution(float[] logits, int offset, int vocabSize, SamplingParams params) {
    int best = argmax(logits, offset, vocabSize);
    if (params.greedy()) {
      return new Distribution.Certain(best);
    }
    double[] weights = new double[vocabSize];
    double peak = logits[offset + best];
    for (int id = 0; id < vocabSize; id++) {
      weights[id] = StrictMath.exp((logits[offset + id] - peak) / params.temperature());
    }
    int kept = params.topK() == 0 ? vocabSize : Math.min(params.topK(), vocabSize);
    if (kept == vocabSize && params.topP() == 1) {
      float[] masses = new float[vocabSize];
      double total = sum(weights);
      for (int id = 0; id < vocabSize; id++) {
        masses[id] = (float) (weights[id] / total);
      }
      return new Distribution.Dense(masses);
    }
    int[] ranked = ranked(weights);
    double keptMass = 0;
    for (int i = 0; i < kept; i++) {
      keptMass += weights[ranked[i]];
    }
    int nucleus = 0;
    double reached = 0;
    while (nucleus < kept && (nucleus == 0 || reached < params.topP() * keptMass)) {
      reached += weights[ranked[nucleus++]];
    }
    int[] ids = Arrays.copyOf(ranked, nucleus);
    Arrays.sort(ids);
    float[] masses = new float[nucleus];
    for (int i = 0; i < nucleus; i++) {
      masses[i] = (float) (weights[ids[i]] / reached);
    }
    return new Distribution.Sparse(ids, masses);
  }

  /**
   * Draws a token by an exponential race: the id with the smallest {@code E(id) / p(id)}, E exponential noise of the
   * position; equivalent to the Gumbel-max trick (Maddison et al., NIPS 2014). Masses need not sum to 1. Two
   * distributions that share noise tend to draw the same token; ties go to the lowest id.
   */
  public static int pick(Distribution distribution, PositionRandom random, Purpose purpose, int position) {
    if (distribution instanceof Distribution.Certain certain) {
      return certain.id();
    }
    int winner = -1;
    double earliest = Double.POSITIVE_INFINITY;
    for (int i = 0; i < distribution.size(); i++) {
      float mass = distribution.mass(i);
      if (mass <= 0) {
        continue;
      }
      double u = random.uniform(purpose, position, distribution.id(i));
      if ((1 - u) >= earliest * mass) {
        continue; // -log u ≥ 1 - u: it cannot win, which saves the logarithm
      }
      double arrival = -StrictMath.log(u) / mass;
      if (arrival < earliest) {
        earliest = arrival;
        winner = distribution.id(i);
      }
    }
    if (winner < 0) {
      throw new IllegalStateException("no mass in " + distribution + " at position " + position);
    }
    return winner;
  }

  /** Index of the largest value, the lowest on ties. */
  static int argmax(float[] logits, int offset, int vocabSize) {
    int best = 0;
    for (int id = 0; id < vocabSize; id++) {
      float logit = logits[offset + id];
      if (!Float.isFinite(logit)) {
        throw new IllegalStateException("logit " + id + " is " + logit);
      }
      if (logit > logits[offset + best]) {
        best = id;
      }
    }
    return best;
  }

  /** Ids by falling weight, ties by rising id. */
  private static int[] ranked(double[] weights) {
    Integer[] order = new Integer[weights.length];
    Arrays.setAll(order, i -> i);
    Arrays.sort(order, (a, b) -> {
      int byWeight = Double.compare(weights[b], weights[a]);
      return byWeight != 0 ? byWeight : Integer.compare(a, b);
    });
    return Arrays.stream(order).mapToInt(Integer::intValue).toArray();
  }

  private static double sum(double[] values) {
    double total = 0;
    for (double value : values) {
      total += value;
    }
    return total;
  }
}
