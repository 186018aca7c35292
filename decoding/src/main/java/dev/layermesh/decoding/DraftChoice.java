package dev.layermesh.decoding;

/**
 * How a drafter with a model turns its distribution into a proposal. It may propose any token, with the distribution
 * the token was really drawn from ({@link DraftToken#certain} if there was none), because the verifier decides what is
 * accepted. Tests and benchmarks propose right or wrong tokens on purpose here, and every row still runs.
 */
@FunctionalInterface
public interface DraftChoice {

  /**
   * Proposes a token.
   *
   * @param q the drafter's distribution at {@code position}
   */
  DraftToken choose(Distribution q, int position);

  /** A draw from q with the noise of the acceptance rule of {@code sampling}. */
  static DraftChoice sampled(SamplingParams sampling) {
    AcceptanceRule rule = sampling.acceptance();
    PositionRandom random = sampling.random();
    return (q, position) -> {
      int id = Sampler.pick(q, random, rule.draftNoise(), position);
      return rule.readsDraftDistributions() ? new DraftToken(id, q) : DraftToken.certain(id);
    };
  }
}
