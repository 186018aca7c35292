package dev.layermesh.engine.model;

import dev.layermesh.decoding.InputException;
import java.util.List;

/** How rotary frequencies are stretched beyond the context a model was first trained on. */
public sealed interface RopeScaling {

  /** Not stretched. */
  record Default() implements RopeScaling {}

  /**
   * All frequencies divided by one factor (Chen et al., "Extending context window of large language models via
   * positional interpolation", 2023).
   *
   * @param factor ≥ 1
   */
  record Linear(double factor) implements RopeScaling {
    public Linear {
      requireFactor(factor);
    }
  }

  /**
   * Llama 3.1: divides the frequencies of long wavelengths by a factor, keeps those of short ones, and interpolates
   * between.
   *
   * @param factor ≥ 1
   * @param lowFreqFactor wavelengths above {@code originalMaxPositions / lowFreqFactor} are divided; above 0
   * @param highFreqFactor wavelengths below {@code originalMaxPositions / highFreqFactor} are kept; above lowFreqFactor
   * @param originalMaxPositions context before stretching, ≥ 1
   */
  record Llama3(double factor, double lowFreqFactor, double highFreqFactor, int originalMaxPositions)
      implements RopeScaling {
    public Llama3 {
      requireFactor(factor);
      if (!(lowFreqFactor > 0 && lowFreqFactor < Double.POSITIVE_INFINITY)) {
        throw InputException.of("low_freq_factor", lowFreqFactor, "must be above 0");
      }
      if (!(highFreqFactor > lowFreqFactor && highFreqFactor < Double.POSITIVE_INFINITY)) {
        throw InputException.of("high_freq_factor", highFreqFactor, "must be above low_freq_factor=" + lowFreqFactor);
      }
      if (originalMaxPositions < 1) {
        throw InputException.of("original_max_position_embeddings", originalMaxPositions, "must be 1 or more");
      }
    }
  }

  /**
   * Each frequency divided by its own factor: the tensor {@code rope_freqs.weight} of GGUF files of Llama 3.1 and
   * later.
   *
   * @param factors [HD/2], above 0
   */
  record Factors(List<Float> factors) implements RopeScaling {
    public Factors {
      factors = List.copyOf(factors);
      for (float factor : factors) {
        if (!(factor > 0 && factor < Float.POSITIVE_INFINITY)) {
          throw InputException.of("rope_freqs.weight", factor, "must be above 0");
        }
      }
    }
  }

  private static void requireFactor(double factor) {
    if (!(factor >= 1 && factor < Double.POSITIVE_INFINITY)) {
      throw InputException.of("factor", factor, "must be 1 or more");
    }
  }
}
