package dev.layermesh.testkit;

import dev.layermesh.decoding.AcceptanceRule;
import dev.layermesh.decoding.SamplingParams;
import dev.layermesh.decoding.SessionKey;
import dev.layermesh.decoding.SessionSpec;
import dev.layermesh.decoding.StopRule;
import dev.layermesh.decoding.TokenIds;
import dev.layermesh.decoding.WindowPolicy;
import java.util.Random;
import java.util.function.Function;

/**
 * A walk through random sessions, each compared with autoregressive decoding. A session depends on
 * one seed, which an error names; {@link #check} runs that seed alone.
 *
 * @param runner the way under test
 * @param autoregressive the tokens of a session when nothing is drafted
 * @param vocabSize prompts hold ids below it
 */
public record LosslessWalk(
    SessionRunner runner, Function<SessionSpec, TokenIds> autoregressive, int vocabSize) {
  private static final int LONGEST_PROMPT = 40;
  private static final int MOST_TOKENS = 40;

  /** Checks seeds {@code first} to {@code first + count} (exclusive). */
  public void assertLossless(long first, int count) {
    for (long seed = first; seed < first + count; seed++) {
      check(seed);
    }
  }

  /** Checks the session of one seed. */
  public void check(long seed) {
    var random = new Random(seed);
    DrafterKind[] kinds = DrafterKind.values();
    DrafterKind drafter = kinds[random.nextInt(kinds.length)];
    SessionSpec spec = spec(seed, random);
    LosslessRun.check(runner, spec, drafter, autoregressive.apply(spec), "walk seed " + seed);
  }

  private SessionSpec spec(long seed, Random random) {
    TokenIds prompt = ids(random, 1 + random.nextInt(LONGEST_PROMPT));
    TokenIds eosIds = ids(random, random.nextInt(3));
    int maxTokens = 1 + random.nextInt(MOST_TOKENS);
    int contextLength = Math.max(2, prompt.length() + 1 + random.nextInt(2 * MOST_TOKENS));
    var window = new WindowPolicy(random.nextInt(10), 1 + random.nextInt(4), random.nextBoolean());
    return new SessionSpec(
        new SessionKey(seed, 0), prompt, new StopRule(eosIds, maxTokens, contextLength), sampling(random), window);
  }

  private SamplingParams sampling(Random random) {
    if (random.nextInt(3) == 0) {
      AcceptanceRule any = random.nextBoolean() ? AcceptanceRule.SHARED_NOISE : AcceptanceRule.SPECULATIVE_SAMPLING;
      return SamplingParams.GREEDY.with(any);
    }
    double temperature = 0.2 + 1.5 * random.nextDouble();
    int topK = random.nextBoolean() ? 0 : 1 + random.nextInt(vocabSize);
    double topP = random.nextBoolean() ? 1 : 0.3 + 0.7 * random.nextDouble();
    return new SamplingParams(temperature, topK, topP, random.nextLong(), AcceptanceRule.SHARED_NOISE);
  }

  private TokenIds ids(Random random, int count) {
    return TokenIds.of(random.ints(count, 0, vocabSize).toArray());
  }
}
