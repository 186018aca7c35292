package dev.layermesh.draft;

import static org.assertj.core.api.Assertions.assertThat;

import dev.layermesh.decoding.AcceptanceRule;
import dev.layermesh.decoding.SamplingParams;
import dev.layermesh.decoding.SessionKey;
import dev.layermesh.decoding.SessionSpec;
import dev.layermesh.decoding.StopRule;
import dev.layermesh.decoding.TokenIds;
import dev.layermesh.decoding.WindowPolicy;
import org.junit.jupiter.api.Test;

class DraftWorkerTest {
  private static final int LARGE_VOCABULARY = 128_256;

  @Test
  void shouldDraftNoMoreThanAskedAndNoMoreThanItMay() {
    SamplingParams sampling = SamplingParams.sampled(1, 0);
    assertThat(drafted(12, sampling, 64, LARGE_VOCABULARY)).isEqualTo(12);
    assertThat(drafted(12, sampling, 4, LARGE_VOCABULARY)).isEqualTo(4);
    assertThat(drafted(0, sampling, 4, LARGE_VOCABULARY)).isZero();
  }

  @Test
  void shouldDraftOnlyAsManyTokensAsOneMessageCarriesDistributionsOf() {
    SamplingParams classic = SamplingParams.sampled(1, 0).with(AcceptanceRule.SPECULATIVE_SAMPLING);
    assertThat(drafted(64, classic, 64, LARGE_VOCABULARY)).isEqualTo(8);
    assertThat(drafted(64, classic, 64, 1 << 22)).isEqualTo(1);
    assertThat(drafted(64, classic, 64, 256)).isEqualTo(64);
    var filtered = new SamplingParams(1, 50, 1, 0, AcceptanceRule.SPECULATIVE_SAMPLING);
    assertThat(drafted(64, filtered, 64, LARGE_VOCABULARY)).isEqualTo(64);
    SamplingParams greedy = SamplingParams.GREEDY.with(AcceptanceRule.SPECULATIVE_SAMPLING);
    assertThat(drafted(64, greedy, 64, LARGE_VOCABULARY)).isEqualTo(64);
  }

  private static int drafted(int asked, SamplingParams sampling, int most, int vocabSize) {
    var spec = new SessionSpec(
        new SessionKey(1, 0), TokenIds.of(1), TokenIds.empty(), new StopRule(TokenIds.empty(), 9, 99), sampling,
        WindowPolicy.sequential(asked));
    return DraftWorker.limited(spec, most, vocabSize).window().draftTokens();
  }
}
