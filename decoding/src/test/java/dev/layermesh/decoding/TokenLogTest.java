package dev.layermesh.decoding;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.layermesh.decoding.VerifyReply.Verdict;
import java.util.Arrays;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(10)
class TokenLogTest {
  private static final TokenIds PROMPT = TokenIds.of(1, 2, 3);

  @Test
  void shouldEndWithEosAsTheFirstToken() {
    var log = log(TokenIds.empty(), new StopRule(TokenIds.of(9), 10, 100));
    assertThat(log.commit(window(log, false), verdict(0, 9))).isEqualTo(TokenIds.of(9));
    assertThat(log.stopReason()).contains(StopReason.EOS);
    assertThat(log.remaining()).isZero();
  }

  @Test
  void shouldCutAtAnEosInsideTheAcceptedPrefix() {
    var log = log(TokenIds.empty(), new StopRule(TokenIds.of(9), 10, 100));
    assertThat(log.commit(window(log, false, 5, 9, 6), verdict(3, 7))).isEqualTo(TokenIds.of(5, 9));
    assertThat(log.committed()).isEqualTo(TokenIds.of(5, 9));
    assertThat(log.stopReason()).contains(StopReason.EOS);
  }

  @Test
  void shouldStopAtWhicheverOfTwoEosIdsComesFirst() {
    var log = log(TokenIds.empty(), new StopRule(TokenIds.of(9, 4), 10, 100));
    assertThat(log.isEos(4)).isTrue();
    assertThat(log.isEos(5)).isFalse();
    assertThat(log.commit(window(log, false, 5, 4, 9), verdict(3, 7))).isEqualTo(TokenIds.of(5, 4));
  }

  @Test
  void shouldCutAtTheEarliestStop() {
    var eosAfterLimit = log(TokenIds.empty(), new StopRule(TokenIds.of(9), 2, 100));
    assertThat(eosAfterLimit.commit(window(eosAfterLimit, false, 5, 6, 9), verdict(3, 7)))
        .isEqualTo(TokenIds.of(5, 6));
    assertThat(eosAfterLimit.stopReason()).contains(StopReason.LENGTH);

    var eosAtLimit = log(TokenIds.empty(), new StopRule(TokenIds.of(9), 2, 100));
    eosAtLimit.commit(window(eosAtLimit, false, 5, 9), verdict(2, 7));
    assertThat(eosAtLimit.stopReason()).as("an EOS that is also the last token allowed").contains(StopReason.EOS);
  }

  @Test
  void shouldCommitOneTokenWhenOneIsAllowed() {
    var log = log(TokenIds.empty(), new StopRule(TokenIds.empty(), 1, 100));
    assertThat(log.remaining()).isEqualTo(1);
    assertThat(log.commit(window(log, false, 5), verdict(1, 6))).isEqualTo(TokenIds.of(5));
    assertThat(log.stopReason()).contains(StopReason.LENGTH);
  }

  @Test
  void shouldStopWhereTheContextEnds() {
    var log = log(TokenIds.empty(), new StopRule(TokenIds.empty(), 100, 5));
    assertThat(log.remaining()).isEqualTo(2);
    assertThat(log.commit(window(log, false, 5, 6, 7), verdict(3, 8))).isEqualTo(TokenIds.of(5, 6));
    assertThat(log.stopReason()).contains(StopReason.LENGTH);
    assertThat(log.length()).isEqualTo(5);
  }

  @Test
  void shouldContinueFromWhatEarlierEpochsCommitted() {
    var log = log(TokenIds.of(4, 5), new StopRule(TokenIds.of(9), 3, 100));
    assertThat(log.promptLength()).isEqualTo(3);
    assertThat(log.length()).isEqualTo(5);
    assertThat(log.remaining()).as("the limit counts committed tokens too").isEqualTo(1);
    assertThat(log.commit(window(log, false), verdict(0, 6))).isEqualTo(TokenIds.of(6));
    assertThat(log.committed()).isEqualTo(TokenIds.of(4, 5, 6));
    assertThat(log.stopReason()).contains(StopReason.LENGTH);
  }

  @Test
  void shouldBeFinishedWhenEarlierEpochsFinishedIt() {
    assertThat(log(TokenIds.of(4, 9), new StopRule(TokenIds.of(9), 8, 100)).stopReason()).contains(StopReason.EOS);
    assertThat(log(TokenIds.of(4, 5), new StopRule(TokenIds.of(9), 2, 100)).stopReason()).contains(StopReason.LENGTH);
  }

  @Test
  void shouldNotStopAtAnEosIdInsideThePrompt() {
    assertThat(log(TokenIds.empty(), new StopRule(TokenIds.of(2), 8, 100)).finished()).isFalse();
  }

  @Test
  void shouldHashEveryPrefixAsTokenIdsDo() {
    var log = log(TokenIds.empty(), new StopRule(TokenIds.empty(), 50, 100));
    while (!log.finished()) {
      log.commit(window(log, false, log.length() % 7), verdict(1, log.length() % 5));
    }
    TokenIds all = log.slice(0, log.length());
    for (int prefix = 0; prefix <= all.length(); prefix++) {
      assertThat(log.hash(prefix)).isEqualTo(all.hash(prefix));
    }
    assertThat(TokenIds.of(1, 2).hash(2)).as("order matters").isNotEqualTo(TokenIds.of(2, 1).hash(2));
    assertThat(TokenIds.of(0).hash(1)).as("length matters").isNotEqualTo(TokenIds.of(0, 0).hash(2));
  }

  @Test
  void shouldRefuseAWindowAtAnotherBaseAndSayWhere() {
    var log = log(TokenIds.empty(), new StopRule(TokenIds.empty(), 50, 100));
    var early = window(log, false, 5);
    log.commit(early, verdict(1, 6));
    assertThatThrownBy(() -> log.commit(early, verdict(1, 6)))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("verdict for 3, log at 5");
  }

  @Test
  void shouldRefuseMoreAcceptedThanDrafted() {
    var log = log(TokenIds.empty(), new StopRule(TokenIds.empty(), 50, 100));
    assertThatThrownBy(() -> log.commit(window(log, false, 5), verdict(2, 6)))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("2 accepted of 1 drafted");
  }

  @Test
  void shouldRefuseAVerdictThatLeavesNoTokenOrOneTooMany() {
    var log = log(TokenIds.empty(), new StopRule(TokenIds.empty(), 50, 100));
    assertThatThrownBy(() -> log.commit(window(log, false, 5), new Verdict(0, 1, OptionalInt.empty(), 2)))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("1 accepted of 1 drafted without a tail, and no token of the verifier's own");
    assertThatThrownBy(() -> log.commit(window(log, true, 5, 6), new Verdict(0, 1, OptionalInt.empty(), 2)))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("1 accepted of 2 drafted with a tail, and no token of the verifier's own");
    assertThatThrownBy(() -> log.commit(window(log, true, 5, 6), verdict(2, 7)))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("2 accepted of 2 drafted with a tail, and token 7 of the verifier's own");
    assertThat(log.committed()).isEqualTo(TokenIds.empty());
  }

  @Test
  void shouldNameThePositionThatIsOutsideTheLog() {
    var log = log(TokenIds.empty(), new StopRule(TokenIds.empty(), 50, 100));
    assertThatThrownBy(() -> log.id(3)).hasMessage("position 3 of 3 tokens");
    assertThatThrownBy(() -> log.hash(4)).hasMessage("prefix of 4 of 3 tokens");
  }

  @Test
  void shouldTakeTheTokensAnotherLogCommittedAndNoneAfterTheEnd() {
    var log = log(TokenIds.empty(), new StopRule(TokenIds.of(9), 10, 100));
    log.commit(TokenIds.of(5, 6));
    log.commit(TokenIds.of(9));
    assertThat(log.committed()).isEqualTo(TokenIds.of(5, 6, 9));
    assertThat(log.stopReason()).contains(StopReason.EOS);
    assertThatThrownBy(() -> log.commit(TokenIds.of(7))).isInstanceOf(IllegalStateException.class);
  }

  private static TokenLog log(TokenIds committed, StopRule stops) {
    return new TokenLog(new SessionSpec(
        new SessionKey(1, 0), PROMPT, committed, stops, SamplingParams.GREEDY, WindowPolicy.AUTOREGRESSIVE));
  }

  private static DraftWindow window(TokenLog log, boolean tail, int... drafted) {
    int base = log.length();
    int[] rows = new int[tail ? drafted.length : drafted.length + 1];
    rows[0] = log.id(base - 1);
    System.arraycopy(drafted, 0, rows, 1, rows.length - 1);
    var tokens = Arrays.stream(drafted).mapToObj(DraftToken::certain).toList();
    return new DraftWindow(0, base, log.hash(base - 1), new Handoff.Tokens(base - 1, TokenIds.of(rows)), tokens);
  }

  private static Verdict verdict(int accepted, int next) {
    return new Verdict(0, accepted, OptionalInt.of(next), 1);
  }

  @Test
  void shouldBoundAnUnboundedWishByTheContext() {
    var stops = new StopRule(TokenIds.empty(), Integer.MAX_VALUE, 16);
    var prompt = TokenIds.of(1, 2, 3);
    var log = new TokenLog(new SessionSpec(
        new SessionKey(1, 0), prompt, stops, SamplingParams.GREEDY, WindowPolicy.AUTOREGRESSIVE));
    assertThat(log.remaining()).isEqualTo(13);
  }
}
