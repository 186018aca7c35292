package dev.layermesh.decoding;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.layermesh.decoding.loop.DecodeStats;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Records validate themselves: a user's wrong value gives one line with field and value, a bug gives numbers. */
@Timeout(10)
class ValidationTest {

  @Test
  void shouldAcceptAWindowWithAndWithoutTail() {
    assertThat(window(4, 3, ids(7, 1, 2), 1, 2).hasTail()).isFalse();
    assertThat(window(4, 3, ids(7, 1, 2), 1, 2, 9).hasTail()).isTrue();
    assertThat(window(4, 3, ids(7)).hasTail()).as("autoregressive").isFalse();
    assertThat(window(4, 3, ids(7, 1, 2), 1, 2, 9).draftIds()).isEqualTo(TokenIds.of(1, 2, 9));
    assertThat(window(4, 3, ids(7, 1), 1).withSeq(5).seq()).isEqualTo(5);
  }

  @Test
  void shouldRefuseAWindowWhoseRowsDoNotStartAtItsPendingToken() {
    bug(() -> window(4, 2, ids(7, 1), 1), "2 rows from 2 for a window at base 4");
    bug(() -> window(4, 4, ids(7, 1), 1), "2 rows from 4 for a window at base 4");
    bug(() -> window(4, 3, ids()), "0 rows from 3 for a window at base 4");
  }

  @Test
  void shouldRefuseAWindowWhoseRowsAndTokensDisagree() {
    bug(() -> window(4, 3, ids(7, 1, 2), 1), "1 draft tokens for 3 rows");
    bug(() -> window(4, 3, ids(7, 1), 1, 2, 3), "3 draft tokens for 2 rows");
    bug(() -> window(4, 3, ids(7, 1, 2), 1, 3), "row 2 holds token 2, the draft says 3");
  }

  @Test
  void shouldRefuseAnExtendOfNoRows() {
    bug(() -> new Work.Extend(0, 0, new Handoff.Tokens(5, ids())), "an Extend without rows at position 5");
  }

  @Test
  void shouldRefuseExitStatesThatDoNotFitTheirTokens() {
    var one = new HiddenRows.Host(1, 2, HiddenRows.Type.F32, MemorySegment.ofArray(new byte[8]));
    bug(() -> new Handoff.ExitStates(0, ids(1, 2), 1, one), "1 exit states for 2 tokens");
    bug(() -> new Handoff.ExitStates(0, ids(1), 0, one), "exit layer 0: at least one layer is drafted with");
    bug(() -> new Handoff.ExitStates(-1, ids(1), 1, one), "rows from position -1");
    bug(
        () -> new HiddenRows.Host(2, 2, HiddenRows.Type.F16, MemorySegment.ofArray(new byte[9])),
        "2 rows of 2 F16 need 8 bytes, got 9");
    assertThat(one.bytes().isReadOnly()).isTrue();
  }

  @Test
  void shouldRefuseSparseDistributionsThatAreNotAscending() {
    bug(() -> new Distribution.Sparse(new int[] {2, 2}, new float[2]), "ids not ascending: 2 before 2");
    bug(() -> new Distribution.Sparse(new int[] {2}, new float[2]), "1 ids for 2 masses");
    bug(() -> new Distribution.Sparse(new int[0], new float[0]), "0 ids for 0 masses");
  }

  @Test
  void shouldReadProbabilitiesAlikeFromEveryShape() {
    var certain = new Distribution.Certain(3);
    var sparse = new Distribution.Sparse(new int[] {3}, new float[] {1});
    var dense = new Distribution.Dense(new float[] {0, 0, 0, 1});
    for (int id = 0; id < 6; id++) {
      assertThat(sparse.probability(id)).isEqualTo(certain.probability(id)).isEqualTo(dense.probability(id));
    }
  }

  @Test
  void shouldNameTheSamplingFieldThatIsWrong() {
    var rule = AcceptanceRule.SHARED_NOISE;
    input(() -> new SamplingParams(-0.1, 0, 1, 0, rule), "temperature=-0.1: must be between 0 and 100");
    input(() -> new SamplingParams(101, 0, 1, 0, rule), "temperature=101.0: must be between 0 and 100");
    input(() -> new SamplingParams(Double.NaN, 0, 1, 0, rule), "temperature=NaN: must be between 0 and 100");
    input(() -> new SamplingParams(1, -1, 1, 0, rule), "top_k=-1: must be 0 (off) or more");
    input(() -> new SamplingParams(1, 0, 0, 0, rule), "top_p=0.0: must be above 0 and at most 1");
    input(() -> new SamplingParams(1, 0, 1.1, 0, rule), "top_p=1.1: must be above 0 and at most 1");
    input(() -> new SamplingParams(1, 0, Double.NaN, 0, rule), "top_p=NaN: must be above 0 and at most 1");
  }

  @Test
  void shouldNameTheWindowFieldThatIsWrong() {
    input(() -> WindowPolicy.sequential(-1), "window=-1: must be between 0 and 64");
    input(() -> WindowPolicy.sequential(65), "window=65: must be between 0 and 64");
    input(() -> new WindowPolicy(4, 0, true), "windows=0: must be between 1 and 8");
    input(() -> new WindowPolicy(4, 9, true), "windows=9: must be between 1 and 8");
  }

  @Test
  void shouldNameTheStopOrPromptFieldThatIsWrong() {
    input(() -> new StopRule(ids(), 0, 10), "max_tokens=0: must be 1 or more");
    input(() -> new StopRule(ids(), 1, 1), "context=1: must be 2 or more");
    input(() -> spec(ids(), 10), "prompt=\"\": must hold at least one token");
    input(() -> spec(ids(1, 2, 3), 3), "prompt=3 tokens: must leave room in the context of 3");
    input(() -> TokenIds.of(4, -2), "ids[1]=-2: a token id is 0 or more");
  }

  @Test
  void shouldKeepTheFieldOfAnInputErrorForItsCaller() {
    assertThat(InputException.of("top_p", 2, "x").field()).isEqualTo("top_p");
    assertThat(InputException.in("config.json", "num_layers", 0, "must be 1 or more"))
        .hasMessage("config.json: num_layers=0: must be 1 or more");
    assertThat(InputException.in("config.json", "is no JSON").field()).isEmpty();
  }

  @Test
  void shouldCountOnlyUpInEpochs() {
    assertThat(new SessionKey(0xAB, 3).next()).isEqualTo(new SessionKey(0xAB, 4));
    assertThat(new SessionKey(0xAB, 3)).hasToString("00000000000000ab/3");
    bug(() -> new SessionKey(1, -1), "epoch -1");
  }

  @Test
  void shouldDeriveRatesFromCounters() {
    var stats = new DecodeStats(4, 10, 6, 20, 20);
    assertThat(stats.acceptanceRate()).isEqualTo(0.6);
    assertThat(stats.meanAcceptanceLength()).isEqualTo(2.5);
    assertThat(stats.plus(stats)).isEqualTo(new DecodeStats(8, 20, 12, 40, 40));
    assertThat(DecodeStats.NONE.acceptanceRate()).isZero();
    assertThat(DecodeStats.NONE.meanAcceptanceLength()).isZero();
  }

  private static SessionSpec spec(TokenIds prompt, int context) {
    return new SessionSpec(
        new SessionKey(1, 0),
        prompt,
        new StopRule(ids(), 5, context),
        SamplingParams.GREEDY,
        WindowPolicy.AUTOREGRESSIVE);
  }

  private static DraftWindow window(int base, int from, TokenIds rows, int... drafted) {
    List<DraftToken> tokens = Arrays.stream(drafted).mapToObj(DraftToken::certain).toList();
    return new DraftWindow(0, base, 0, new Handoff.Tokens(from, rows), tokens);
  }

  private static TokenIds ids(int... ids) {
    return TokenIds.of(ids);
  }

  private static void input(ThrowingCallable wrong, String message) {
    assertThatThrownBy(wrong).isInstanceOf(InputException.class).hasMessage(message);
  }

  private static void bug(ThrowingCallable wrong, String message) {
    assertThatThrownBy(wrong).isInstanceOf(IllegalArgumentException.class).hasMessage(message);
  }
}
