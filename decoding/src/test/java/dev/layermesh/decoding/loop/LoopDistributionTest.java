package dev.layermesh.decoding.loop;

import static org.assertj.core.api.Assertions.assertThat;

import dev.layermesh.decoding.AcceptanceRule;
import dev.layermesh.decoding.ChiSquare;
import dev.layermesh.decoding.Distribution;
import dev.layermesh.decoding.SamplingParams;
import dev.layermesh.decoding.SessionKey;
import dev.layermesh.decoding.SessionSpec;
import dev.layermesh.decoding.StopRule;
import dev.layermesh.decoding.TokenIds;
import dev.layermesh.decoding.WindowPolicy;
import java.util.function.LongUnaryOperator;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The distribution of the loop's output: joints of three tokens from windows, corrections and dropped windows. */
@Tag("slow")
@Timeout(60)
class LoopDistributionTest {
  private static final int SEEDS = 100_000;
  private static final int FEW = 5_000;
  private static final int VOCAB = 4;
  private static final int CELLS = VOCAB * VOCAB * VOCAB;
  private static final float[][] TARGET = {
      {0.1f, 0.4f, 0.2f, 0.3f}, {0.3f, 0.1f, 0.2f, 0.4f}, {0.25f, 0.25f, 0.25f, 0.25f}, {0.6f, 0.1f, 0.1f, 0.2f}
  };
  private static final float[][] DRAFT = {
      {0.4f, 0.1f, 0.3f, 0.2f}, {0.2f, 0.2f, 0.6f, 0.0f}, {0.7f, 0.1f, 0.1f, 0.1f}, {0.1f, 0.6f, 0.1f, 0.2f}
  };

  @Test
  void shouldKeepTheTargetsJointsUnderTheClassicRule() {
    assertThat(fits(AcceptanceRule.SPECULATIVE_SAMPLING, new WindowPolicy(2, 2, true), SEEDS, seed -> seed)).isTrue();
    assertThat(fits(AcceptanceRule.SPECULATIVE_SAMPLING, new WindowPolicy(3, 1, false), SEEDS, seed -> seed)).isTrue();
  }

  @Test
  void shouldKeepTheTargetsJointsUnderSharedNoise() {
    assertThat(fits(AcceptanceRule.SHARED_NOISE, new WindowPolicy(2, 2, true), SEEDS, seed -> seed)).isTrue();
  }

  @Test
  void shouldFailTheSameCheckWithConstantNoise() {
    assertThat(fits(AcceptanceRule.SHARED_NOISE, new WindowPolicy(2, 2, true), FEW, seed -> 5)).isFalse();
    assertThat(fits(AcceptanceRule.SPECULATIVE_SAMPLING, new WindowPolicy(2, 2, true), FEW, seed -> 5)).isFalse();
  }

  private static boolean fits(AcceptanceRule rule, WindowPolicy window, int sessions, LongUnaryOperator seeds) {
    return ChiSquare.fits(joints(rule, window, sessions, seeds), exact());
  }

  /** Tokens 2 to 4 of sessions of five; the first comes from a window that drafts nothing. */
  private static long[] joints(AcceptanceRule rule, WindowPolicy window, int sessions, LongUnaryOperator seeds) {
    TableModel target = (last, position) -> new Distribution.Dense(TARGET[last]);
    TableModel draft = (last, position) -> new Distribution.Dense(DRAFT[last]);
    long[] counts = new long[CELLS];
    for (int i = 0; i < sessions; i++) {
      var spec = new SessionSpec(
          new SessionKey(i, 0),
          TokenIds.of(0),
          new StopRule(TokenIds.empty(), 5, 100),
          SamplingParams.sampled(1, seeds.applyAsLong(i)).with(rule),
          window);
      var verifier = new ScriptedVerifier(target, 100);
      var said = new SpeculativeDecoder(spec, new TableDrafter(spec, draft), verifier, round -> {}).run().committed();
      counts[(said.id(1) * VOCAB + said.id(2)) * VOCAB + said.id(3)]++;
    }
    return counts;
  }

  private static double[] exact() {
    double[] exact = new double[CELLS];
    for (int i = 0; i < CELLS; i++) {
      int a = i / (VOCAB * VOCAB);
      int b = i / VOCAB % VOCAB;
      for (int first = 0; first < VOCAB; first++) {
        exact[i] += (double) TARGET[0][first] * TARGET[first][a] * TARGET[a][b] * TARGET[b][i % VOCAB];
      }
    }
    return exact;
  }
}
