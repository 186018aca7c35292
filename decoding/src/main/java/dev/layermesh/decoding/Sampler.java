package dev.layermesh.decoding;

import dev.layermesh.decoding.PositionRandom.Purpose;
import java.util.Arrays;

/** From logits to a distribution, and from a distribution to a token. Pure functions, the same bits on every JVM. */
public final class Sampler {

  private Sampler() {}

  /**
   * The distribution of a row of logits under {@code params}: temperature, then top-k, then top-p.
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
    var ranked = new Ranked(weights);
    double reached = kept == vocabSize
        ? nucleusOfAll(ranked, weights, params.topP())
        : nucleusOfTopK(ranked, kept, params.topP());
    int[] ids = ranked.taken();
    Arrays.sort(ids);
    float[] masses = new float[ids.length];
    for (int i = 0; i < ids.length; i++) {
      masses[i] = (float) (weights[ids[i]] / reached);
    }
    return new Distribution.Sparse(ids, masses);
  }

  /** Takes the nucleus of the {@code kept} heaviest ids and returns its mass, added up by falling weight. */
  private static double nucleusOfTopK(Ranked ranked, int kept, double topP) {
    double[] falling = new double[kept];
    double keptMass = 0;
    for (int i = 0; i < kept; i++) {
      falling[i] = ranked.take();
      keptMass += falling[i];
    }
    int nucleus = 0;
    double reached = 0;
    while (nucleus < kept && (nucleus == 0 || reached < topP * keptMass)) {
      reached += falling[nucleus++];
    }
    ranked.keep(nucleus);
    return reached;
  }

  /**
   * Takes the nucleus of all ids and returns its mass, added up by falling weight. The nucleus is defined by the mass
   * of all ids added up by falling weight, which needs a full sort. A sum in another order differs from it by less than
   * {@code 2 n u} of itself (Higham, Accuracy and Stability of Numerical Algorithms, section 4.2), so the full sort
   * runs only when the mass reached so far lies within that error of the limit.
   */
  private static double nucleusOfAll(Ranked ranked, double[] weights, double topP) {
    double mass = sum(weights);
    double error = 2 * weights.length * Math.ulp(1.0); // ulp(1) = 2 u; twice the bound covers the rounding of both ends
    double low = topP * (mass * (1 - error));
    double high = topP * (mass * (1 + error));
    double reached = ranked.take();
    for (int nucleus = 1; nucleus < weights.length && reached < high; nucleus++) {
      if (reached >= low) {
        high = topP * fallingSum(weights);
        low = high;
        if (reached >= high) {
          return reached;
        }
      }
      reached += ranked.take();
    }
    return reached;
  }

  /** The sum of the weights, the largest first. */
  private static double fallingSum(double[] weights) {
    double[] rising = weights.clone();
    Arrays.sort(rising);
    double total = 0;
    for (int i = rising.length - 1; i >= 0; i--) {
      total += rising[i];
    }
    return total;
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

  private static double sum(double[] values) {
    double total = 0;
    for (double value : values) {
      total += value;
    }
    return total;
  }

  /**
   * Ids by falling weight, ties by rising id, one at a time: a binary heap in the first {@code left} places of
   * {@code ids}, with the ids taken behind it, the last one taken first.
   */
  private static final class Ranked {
    private final double[] weights;
    private final int[] ids;
    private int left;
    private int first; // ids[first..] are kept

    Ranked(double[] weights) {
      this.weights = weights;
      left = weights.length;
      ids = new int[left];
      Arrays.setAll(ids, id -> id);
      for (int root = left / 2 - 1; root >= 0; root--) {
        siftDown(root);
      }
    }

    /** Takes the next id and returns its weight. */
    double take() {
      int next = ids[0];
      left--;
      ids[0] = ids[left];
      ids[left] = next;
      first = left;
      siftDown(0);
      return weights[next];
    }

    /** Gives back all ids taken after the first {@code count}. */
    void keep(int count) {
      first = ids.length - count;
    }

    /** The ids taken and kept, in no particular order. */
    int[] taken() {
      return Arrays.copyOfRange(ids, first, ids.length);
    }

    private void siftDown(int root) {
      int id = ids[root];
      int hole = root;
      for (int child = 2 * hole + 1; child < left; child = 2 * hole + 1) {
        if (child + 1 < left && before(ids[child + 1], ids[child])) {
          child++;
        }
        if (!before(ids[child], id)) {
          break;
        }
        ids[hole] = ids[child];
        hole = child;
      }
      ids[hole] = id;
    }

    private boolean before(int one, int other) {
      return weights[one] > weights[other] || weights[one] == weights[other] && one < other;
    }
  }
}
