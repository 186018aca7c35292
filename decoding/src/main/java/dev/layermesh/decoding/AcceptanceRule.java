package dev.layermesh.decoding;

import dev.layermesh.decoding.PositionRandom.Purpose;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;

/**
 * Decides which draft tokens are accepted; no other code in the project does. Greedy decoding is the case of {@link
 * Distribution.Certain} targets under either rule.
 */
public sealed interface AcceptanceRule {

  /** The default. */
  AcceptanceRule SHARED_NOISE = new SharedNoise();

  /** The classic rule. */
  AcceptanceRule SPECULATIVE_SAMPLING = new SpeculativeSampling();

  /**
   * Judges a window.
   *
   * @param draft draft tokens for positions {@code base ..}
   * @param targets p for positions {@code base ..}: one for each draft token, and one more if the window has no tail
   * @param base position of the first draft token
   * @param random noise of the session
   */
  Judgement judge(List<DraftToken> draft, List<Distribution> targets, int base, PositionRandom random);

  /** The noise a drafter draws its tokens with. */
  Purpose draftNoise();

  /** Whether {@link #judge} reads the draft distributions; if not, they need not cross the wire. */
  boolean readsDraftDistributions();

  /** How many draft tokens are accepted, and the verifier's own token after them unless the tail was accepted. */
  record Judgement(int accepted, OptionalInt next) {}

  /**
   * Draft and target draw from their own distributions with the same noise; a draft token is accepted if the target
   * drew it too (Gumbel coupling: Daliri et al., arXiv 2408.07978). The tokens are therefore those of autoregressive
   * sampling with the same seed, whatever is drafted.
   */
  record SharedNoise() implements AcceptanceRule {
    @Override
    public Judgement judge(List<DraftToken> draft, List<Distribution> targets, int base, PositionRandom random) {
      for (int i = 0; i < targets.size(); i++) {
        int drawn = Sampler.pick(targets.get(i), random, Purpose.TARGET, base + i);
        if (i == draft.size() || drawn != draft.get(i).id()) {
          return new Judgement(i, OptionalInt.of(drawn));
        }
      }
      return new Judgement(draft.size(), OptionalInt.empty());
    }

    @Override
    public Purpose draftNoise() {
      return Purpose.TARGET;
    }

    @Override
    public boolean readsDraftDistributions() {
      return false;
    }
  }

  /**
   * Accepts x with probability min(1, p(x) / q(x)), else draws from norm(max(0, p - q)) (Leviathan et al., arXiv
   * 2211.17192, algorithm 1; Chen et al., arXiv 2302.01318). Accepts a little more often than shared noise; the tokens
   * follow p but depend on what was drafted.
   */
  record SpeculativeSampling() implements AcceptanceRule {
    @Override
    public Judgement judge(List<DraftToken> draft, List<Distribution> targets, int base, PositionRandom random) {
      for (int i = 0; i < draft.size(); i++) {
        Distribution p = targets.get(i);
        Distribution q = draft.get(i).drawnFrom();
        int x = draft.get(i).id();
        if (random.uniform(Purpose.ACCEPT, base + i, 0) * q.probability(x) >= p.probability(x)) {
          return new Judgement(i, OptionalInt.of(Sampler.pick(residual(p, q), random, Purpose.TARGET, base + i)));
        }
      }
      return targets.size() == draft.size()
          ? new Judgement(draft.size(), OptionalInt.empty())
          : new Judgement(
              draft.size(),
              OptionalInt.of(Sampler.pick(targets.getLast(), random, Purpose.TARGET, base + draft.size())));
    }

    @Override
    public Purpose draftNoise() {
      return Purpose.DRAFT;
    }

    @Override
    public boolean readsDraftDistributions() {
      return true;
    }

    /** max(0, p - q), not normed because {@link Sampler#pick} does not need it; p itself if rounding left nothing. */
    private static Distribution residual(Distribution p, Distribution q) {
      var ids = new ArrayList<Integer>();
      var masses = new ArrayList<Float>();
      for (int i = 0; i < p.size(); i++) {
        float rest = p.mass(i) - q.probability(p.id(i));
        if (rest > 0) {
          ids.add(p.id(i));
          masses.add(rest);
        }
      }
      if (ids.isEmpty()) {
        return p;
      }
      float[] values = new float[masses.size()];
      for (int i = 0; i < values.length; i++) {
        values[i] = masses.get(i);
      }
      return new Distribution.Sparse(ids.stream().mapToInt(Integer::intValue).toArray(), values);
    }
  }
}
