package dev.layermesh.engine.speculation;

import static org.assertj.core.api.Assertions.assertThat;

import dev.layermesh.decoding.DraftToken;
import dev.layermesh.decoding.SamplingParams;
import dev.layermesh.decoding.TokenIds;
import dev.layermesh.decoding.WindowPolicy;
import dev.layermesh.decoding.loop.Drafter;
import dev.layermesh.decoding.loop.LocalVerifier;
import dev.layermesh.decoding.loop.Outcome;
import dev.layermesh.decoding.loop.SpeculativeDecoder;
import dev.layermesh.decoding.loop.Verifier;
import dev.layermesh.engine.EngineOptions;
import dev.layermesh.testkit.Fixtures;
import dev.layermesh.testkit.Fixtures.GoldenCase;
import dev.layermesh.testkit.Lossless;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A drafter whose tokens come from a proposer without layers. */
@Timeout(value = 1, unit = TimeUnit.MINUTES)
class ModelDrafterTest {
  private static final GoldenCase GOLDEN = Fixtures.golden(Fixtures.tinyLlama2()).cases().getFirst();
  private static final TokenIds PROMPT = GOLDEN.promptIds();
  private static final int TOKENS = 32;

  /** Every {@code wrongEvery}th token is another than greedy decoding gives. */
  private static Proposer guessing(int wrongEvery) {
    TokenIds truth = GOLDEN.greedyIds();
    return (known, limit) -> IntStream.range(known.length(), known.length() + limit)
        .map(position -> position - PROMPT.length())
        .takeWhile(index -> index < truth.length())
        .mapToObj(index -> DraftToken.certain(truth.id(index) + (index % wrongEvery == 0 ? 1 : 0)))
        .toList();
  }

  @ParameterizedTest
  @CsvSource({
      "100, 4, 1, false", "3, 4, 1, false", "2, 1, 1, false", "1, 4, 1, false", "100, 3, 2, true", "3, 3, 2, true"})
  void shouldCommitTheSameTokensWithAnyProposer(int wrongEvery, int window, int windows, boolean tail) {
    try (var split = SplitModel.open(EngineOptions.of(Fixtures.tinyLlama2()).withExitLayer(2))) {
      var spec = split.spec(PROMPT, TOKENS, SamplingParams.GREEDY, new WindowPolicy(window, windows, tail));
      try (Drafter drafter = split.draft().drafterOf(guessing(wrongEvery), spec);
          Verifier verifier = new LocalVerifier(split.verify())) {
        Outcome outcome = new SpeculativeDecoder(spec, drafter, verifier, _ -> {}).run();
        Lossless.assertSameTokens(GOLDEN.greedyIds().slice(0, TOKENS), outcome.committed());
        assertThat(split.draft().stats().decodeSteps()).as("rows that asked the early layers for a token").isZero();
        if (wrongEvery == 100 && windows == 1) {
          assertThat(outcome.stats().rounds()).isLessThanOrEqualTo(1 + Math.ceilDiv(TOKENS, window + 1));
          assertThat(split.draft().stats().steps()).as("one step runs a whole window")
              .isLessThanOrEqualTo(outcome.stats().rounds() + Math.ceilDiv(PROMPT.length(), 32));
        }
      }
    }
  }
}
