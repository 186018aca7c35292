package dev.layermesh.decoding;

import java.util.Objects;

/**
 * How a session chooses tokens. Draft and target use the same values.
 *
 * @param temperature 0 is greedy (the most likely token, ties to the lowest id); otherwise logits are divided by it
 * @param topK keep this many most likely tokens; 0 keeps all
 * @param topP keep the smallest set of most likely tokens whose mass reaches this, in (0, 1]; 1 keeps all
 * @param seed of all noise of the session
 * @param acceptance decides which draft tokens are accepted
 */
public record SamplingParams(double temperature, int topK, double topP, long seed, AcceptanceRule acceptance) {

  /** The most likely token at every position. */
  public static final SamplingParams GREEDY = new SamplingParams(0, 0, 1, 0, AcceptanceRule.SHARED_NOISE);

  public SamplingParams {
    if (!(temperature >= 0 && temperature <= 100)) {
      throw InputException.of("temperature", temperature, "must be between 0 and 100");
    }
    if (topK < 0) {
      throw InputException.of("top_k", topK, "must be 0 (off) or more");
    }
    if (!(topP > 0 && topP <= 1)) {
      throw InputException.of("top_p", topP, "must be above 0 and at most 1");
    }
    Objects.requireNonNull(acceptance, "acceptance");
  }

  /** Sampling at a temperature, without filters, under shared noise. */
  public static SamplingParams sampled(double temperature, long seed) {
    return new SamplingParams(temperature, 0, 1, seed, AcceptanceRule.SHARED_NOISE);
  }

  public SamplingParams with(AcceptanceRule rule) {
    return new SamplingParams(temperature, topK, topP, seed, rule);
  }

  public boolean greedy() {
    return temperature == 0;
  }

  public PositionRandom random() {
    return new PositionRandom(seed);
  }
}
