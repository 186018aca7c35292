package dev.layermesh.testkit;

import static org.assertj.core.api.Assertions.assertThat;

import dev.layermesh.decoding.AcceptanceRule;
import dev.layermesh.decoding.SamplingParams;
import dev.layermesh.decoding.TokenIds;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class LosslessMatrixTest {
  private static final TokenIds PROMPT = TokenIds.of(3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8);
  private static final int CONTEXT = 64;
  private static final int UNUSED = 12;

  private final ToyVerifierHost verifiers = new ToyVerifierHost(ToyRuns.MODEL);

  @Test
  void shouldBeLosslessOnTheTestsThread() {
    var matrix = LosslessMatrix.full(ToyRuns.inline(verifiers), ToyRuns.MODEL::autoregressive);
    assertThat(matrix.assertLossless(PROMPT, CONTEXT, UNUSED)).isEqualTo(4 * 3 * 2 * 5 * 2 * 7);
    assertThat(verifiers.open()).isZero();
  }

  @Test
  void shouldBeLosslessWhenDraftAndVerifyOverlap() {
    var matrix = LosslessMatrix.full(ToyRuns.threaded(verifiers), ToyRuns.MODEL::autoregressive);
    assertThat(matrix.assertLossless(PROMPT, CONTEXT, UNUSED)).isEqualTo(1680);
    Await.until("every verifier session is closed", Duration.ofSeconds(10), () -> verifiers.open() == 0);
  }

  @Test
  void shouldBeLosslessWithEveryDrafterAndUnderTheClassicRuleWhenGreedy() {
    var matrix = new LosslessMatrix(
        ToyRuns.inline(verifiers),
        ToyRuns.MODEL::autoregressive,
        List.of(DrafterKind.values()),
        LosslessMatrix.windows(List.of(1, 2, 3), List.of(0, 1, 3)),
        List.of(SamplingParams.GREEDY.with(AcceptanceRule.SPECULATIVE_SAMPLING)));
    assertThat(matrix.assertLossless(PROMPT, CONTEXT, UNUSED)).isEqualTo(6 * 3 * 2 * 3 * 7);
  }

  @Test
  void shouldBeLosslessWhenTheVerifierForgetsAndDraftNothingAgain() {
    var forgetful = new ForgetfulVerifierHost(verifiers, 0.15, 1);
    var matrix = LosslessMatrix.full(ToyRuns.inline(forgetful), ToyRuns.MODEL::autoregressive);
    matrix.assertLossless(PROMPT, CONTEXT, UNUSED); // the drafter throws when a row is run or a token drafted twice
    assertThat(forgetful.timesForgotten()).isGreaterThan(1_000);
  }

  @Test
  void shouldBeLosslessInRandomSessions() {
    new LosslessWalk(ToyRuns.inline(verifiers), ToyRuns.MODEL::autoregressive, ToyRuns.MODEL.vocabSize())
        .assertLossless(0, 4_000);
  }

  @Test
  void shouldBeLosslessInRandomSessionsWhenDraftAndVerifyOverlap() {
    new LosslessWalk(ToyRuns.threaded(verifiers), ToyRuns.MODEL::autoregressive, ToyRuns.MODEL.vocabSize())
        .assertLossless(10_000, 1_000);
  }

  @Test
  void shouldBeLosslessInRandomSessionsWithAForgetfulVerifier() {
    var forgetful = new ForgetfulVerifierHost(verifiers, 0.1, 2);
    new LosslessWalk(ToyRuns.inline(forgetful), ToyRuns.MODEL::autoregressive, ToyRuns.MODEL.vocabSize())
        .assertLossless(20_000, 1_000);
    new LosslessWalk(ToyRuns.threaded(forgetful), ToyRuns.MODEL::autoregressive, ToyRuns.MODEL.vocabSize())
        .assertLossless(30_000, 1_000);
  }
}
