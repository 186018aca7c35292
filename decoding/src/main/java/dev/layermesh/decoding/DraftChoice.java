package dev.layermesh.decoding;

/**
 * How a drafter with a model turns its distribution into a proposal. Anything may be proposed, with the distribution
 * it was really drawn from ({@link DraftToken#certain} where there was none): what stands is the verifier's business,
 * so oracles and adversaries of tests and benchmarks plug in here and still pay for every row.
 */
@FunctionalInterface
public interface DraftChoice {

  /**
   * Proposes a token.
   *
   * @param q the drafter's distribution at {@code position}
   */
  DraftToken choose(Distribution q, int position);

  /** What {@code sampling} asks for: a draw from q with the noise of its acceptance rule. */
  static DraftChoice sampled(SamplingParams sampling) {
    AcceptanceRule rule = sampling.acceptance();
    PositionRandom random = sampling.random();
    return (q, position) -> {
      int id = Sampler.pick(q, random, rule.draftNoise(), position);
      return rule.readsDraftDistributions() ? new DraftToken(id, q) : DraftToken.certain(id);
    };
  }
}
