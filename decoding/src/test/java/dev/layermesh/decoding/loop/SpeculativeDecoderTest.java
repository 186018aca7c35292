package dev.layermesh.decoding.loop;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.layermesh.decoding.DraftWindow;
import dev.layermesh.decoding.OverloadedException;
import dev.layermesh.decoding.SamplingParams;
import dev.layermesh.decoding.SessionKey;
import dev.layermesh.decoding.SessionSpec;
import dev.layermesh.decoding.StopReason;
import dev.layermesh.decoding.StopRule;
import dev.layermesh.decoding.TokenIds;
import dev.layermesh.decoding.VerifyReply;
import dev.layermesh.decoding.VerifyReply.Diverged;
import dev.layermesh.decoding.VerifyReply.Overloaded;
import dev.layermesh.decoding.VerifyReply.StaleEpoch;
import dev.layermesh.decoding.WindowPolicy;
import dev.layermesh.decoding.Work;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class SpeculativeDecoderTest {
  private static final TokenIds PROMPT = TokenIds.of(4, 2, 7, 1, 8, 3, 5, 9, 6, 2, 4);
  private static final WindowPolicy THREE_IN_FLIGHT = new WindowPolicy(2, 3, true);
  private static final int MAX_ROWS = 3;

  private final ScriptedVerifier verifier = new ScriptedVerifier(TableModel.COUNTING, MAX_ROWS);
  private final List<Round> rounds = new ArrayList<>();

  @Test
  void shouldExtendInChunksOfMaxRowsWithAtMostTwoInFlight() {
    run(spec(PROMPT, 8, WindowPolicy.sequential(2)), TableModel.COUNTING);
    var chunks = verifier.sent.stream().filter(Work.Extend.class::isInstance).map(w -> w.handoff().count()).toList();
    assertThat(chunks).containsExactly(3, 3, 3, 1);
    assertThat(verifier.mostExtendsUnanswered).isEqualTo(2);
  }

  @Test
  void shouldDraftNothingInTheFirstWindow() {
    run(spec(PROMPT, 8, WindowPolicy.sequential(4)), TableModel.COUNTING);
    assertThat(verifier.windows().getFirst().tokens()).isEmpty();
    assertThat(verifier.windows().get(1).tokens()).hasSize(4);
    assertThat(rounds.getFirst().committed().length()).isEqualTo(1);
  }

  @Test
  void shouldExtendNothingForAPromptOfOneToken() {
    var outcome = run(spec(TokenIds.of(4), 6, WindowPolicy.sequential(2)), TableModel.COUNTING);
    assertThat(verifier.sent).allMatch(DraftWindow.class::isInstance);
    assertThat(verifier.windows().getFirst().base()).isEqualTo(1);
    assertThat(outcome.committed()).isEqualTo(said(TokenIds.of(4), 6));
  }

  @Test
  void shouldSendNoMoreThanTheVerifierLacksWhenItHoldsAPrefix() {
    verifier.cached = 8;
    var outcome = run(spec(PROMPT, 6, WindowPolicy.sequential(2)), TableModel.COUNTING);
    assertThat(verifier.sent.getFirst().handoff().from()).isEqualTo(8);
    assertThat(outcome.committed()).isEqualTo(said(PROMPT, 6));
  }

  @Test
  void shouldCountEveryRowOnceOnBothSidesWhenUndisturbed() {
    for (TableModel draft : List.of(TableModel.COUNTING, TableModel.WRONG)) {
      for (int k : new int[] {0, 1, 2, 4, 8}) {
        for (boolean tail : new boolean[] {false, true}) {
          var fresh = new ScriptedVerifier(TableModel.COUNTING, MAX_ROWS);
          var spec = spec(PROMPT, 20, new WindowPolicy(k, 1, tail));
          var stats = new SpeculativeDecoder(spec, new TableDrafter(spec, draft), fresh, rounds::add).run().stats();
          long rows = PROMPT.length() - 1 + fresh.windows().stream().mapToInt(w -> w.handoff().count()).sum();
          assertThat(stats.earlyRows()).isEqualTo(rows);
          assertThat(stats.lateRows()).isEqualTo(rows);
          assertThat(stats.rounds()).isEqualTo(fresh.windows().size());
        }
      }
    }
  }

  @Test
  void shouldLeaveBothCachesOneShortOfTheLogAfterEveryVerdict() {
    for (TableModel draft : List.of(TableModel.COUNTING, TableModel.WRONG)) {
      for (boolean tail : new boolean[] {false, true}) {
        var fresh = new ScriptedVerifier(TableModel.COUNTING, MAX_ROWS);
        var spec = spec(PROMPT, 20, new WindowPolicy(3, 1, tail));
        var drafter = new TableDrafter(spec, draft);
        new SpeculativeDecoder(spec, drafter, fresh, round -> {
          int log = PROMPT.length() + round.from() + round.committed().length();
          assertThat(drafter.cached).isEqualTo(log - 1);
          assertThat(fresh.cached).isEqualTo(log - 1);
        }).run();
      }
    }
  }

  @Test
  void shouldResendKeptWindowsAndDraftNothingAgainWhenTheVerifierForgetsMidFlight() {
    run(spec(PROMPT, 20, THREE_IN_FLIGHT), TableModel.COUNTING);
    for (int seq = 0; seq < verifier.sent.size(); seq++) { // every work of an undisturbed run
      var forgetful = new ScriptedVerifier(TableModel.COUNTING, MAX_ROWS).forgetAt(seq);
      var spec = spec(PROMPT, 20, THREE_IN_FLIGHT);
      var drafter = new TableDrafter(spec, TableModel.COUNTING);
      var outcome = new SpeculativeDecoder(spec, drafter, forgetful, rounds::add).run();
      assertThat(outcome.committed()).isEqualTo(said(PROMPT, 20));
      long distinct = forgetful.windows().stream().map(window -> window.withSeq(0)).distinct().count();
      assertThat((long) drafter.drafts).as("forgot before %d", seq).isEqualTo(distinct);
      assertThat(outcome.stats().earlyRows()).as("no early layer twice").isEqualTo(drafter.cached);
      assertThat(forgetful.sent).extracting(Work::seq).isSorted().doesNotHaveDuplicates();
      if (seq >= 4) {
        assertThat(forgetful.replies).anyMatch(VerifyReply.Behind.class::isInstance);
        assertThat(forgetful.windows()).hasSizeGreaterThan((int) distinct);
      }
    }
  }

  @Test
  void shouldSendTheSameWorkAgainWhenTheVerifierIsOverloaded() {
    for (int seq : new int[] {0, 1, 3, 4, 5, 8}) {
      var busy = new ScriptedVerifier(TableModel.COUNTING, MAX_ROWS)
          .at(seq, work -> new Overloaded(work.seq(), Duration.ofNanos(1)));
      var spec = spec(PROMPT, 16, THREE_IN_FLIGHT);
      var drafter = new TableDrafter(spec, TableModel.COUNTING);
      var outcome = new SpeculativeDecoder(spec, drafter, busy, rounds::add).run();
      assertThat(outcome.committed()).isEqualTo(said(PROMPT, 16));
      Work refused = busy.sent.get(seq);
      assertThat(busy.sent.subList(seq + 1, busy.sent.size()))
          .anyMatch(work -> work.withSeq(refused.seq()).equals(refused));
      assertThat(outcome.stats().earlyRows()).as("no early layer twice").isEqualTo(drafter.cached);
    }
  }

  @Test
  void shouldGiveUpAVerifierThatHasNoRoomForTooLong() {
    var full = new ScriptedVerifier(TableModel.COUNTING, MAX_ROWS);
    for (int seq = 3; seq < 20; seq++) {
      full.at(seq, work -> new Overloaded(work.seq(), Duration.ofMillis(1)));
    }
    var spec = spec(PROMPT, 16, WindowPolicy.sequential(2));
    var drafter = new TableDrafter(spec, TableModel.COUNTING);
    var patient = new SpeculativeDecoder(spec, drafter, full, rounds::add, Duration.ofMillis(3));
    assertThatThrownBy(patient::run)
        .isInstanceOf(OverloadedException.class)
        .hasMessageContaining("no room for PT0.003S");
    assertThat(full.sent).as("sent again while the waits add up to the limit").hasSizeLessThan(16);
  }

  @Test
  void shouldEndAsSupersededWhenALaterEpochCommits() {
    verifier.at(6, work -> new StaleEpoch(work.seq()));
    var outcome = run(spec(PROMPT, 20, WindowPolicy.sequential(2)), TableModel.COUNTING);
    assertThat(outcome.reason()).isEqualTo(StopReason.SUPERSEDED);
    assertThat(outcome.committed()).as("two rounds: 1 token, then 3").isEqualTo(said(PROMPT, 4));
  }

  @Test
  void shouldIgnoreTheReplyToAWindowThatWasDropped() {
    var outcome = run(spec(PROMPT, 12, THREE_IN_FLIGHT), TableModel.WRONG);
    assertThat(outcome.committed()).isEqualTo(said(PROMPT, 12));
    assertThat(verifier.replies).anyMatch(Diverged.class::isInstance);
    assertThat(verifier.mostWindowsUnanswered).as("dropped windows are answered late").isGreaterThanOrEqualTo(3);
  }

  @Test
  void shouldRefuseADivergenceThatNothingExplains() {
    verifier.at(5, work -> new Diverged(work.seq(), 7));
    assertThatThrownBy(() -> run(spec(PROMPT, 12, WindowPolicy.sequential(2)), TableModel.COUNTING))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("verifier at 7 says work 5 diverged, log at 12");
  }

  @Test
  void shouldRefuseAReplyToWorkThatWasNotSent() {
    verifier.at(4, work -> new StaleEpoch(9));
    assertThatThrownBy(() -> run(spec(PROMPT, 12, WindowPolicy.sequential(2)), TableModel.COUNTING))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("reply to 9 while 4 is unanswered");
  }

  @Test
  void shouldOpenNoVerifierWhenEarlierEpochsFinished() {
    var spec = spec(PROMPT, 3, WindowPolicy.sequential(2)).resumedAfter(TokenIds.of(1, 2, 3));
    var outcome = run(spec, TableModel.COUNTING);
    assertThat(outcome.reason()).isEqualTo(StopReason.LENGTH);
    assertThat(outcome.committed()).isEqualTo(TokenIds.of(1, 2, 3));
    assertThat(verifier.opened).isFalse();
  }

  @Test
  void shouldContinueWithTheSameTokensWhenResumed() {
    for (int done = 1; done < 12; done++) {
      var fresh = new ScriptedVerifier(TableModel.COUNTING, MAX_ROWS);
      var spec = spec(PROMPT, 12, THREE_IN_FLIGHT).resumedAfter(said(PROMPT, done));
      rounds.clear();
      var drafter = new TableDrafter(spec, TableModel.COUNTING);
      var outcome = new SpeculativeDecoder(spec, drafter, fresh, rounds::add).run();
      assertThat(outcome.committed()).isEqualTo(said(PROMPT, 12));
      assertThat(rounds.getFirst().from()).isEqualTo(done);
    }
  }

  @Test
  void shouldEndAsCancelledAndCloseBothSidesWhenInterruptedWhileWaiting() throws Exception {
    var waiting = new CountDownLatch(1);
    var never = new CountDownLatch(1);
    verifier.at(4, work -> {
      waiting.countDown();
      try {
        never.await();
      } catch (InterruptedException cancelled) {
        Thread.currentThread().interrupt(); // the loop sees it at its next wait
      }
      return new Overloaded(work.seq(), Duration.ofDays(1));
    });
    var spec = spec(PROMPT, 12, WindowPolicy.sequential(2));
    var drafter = new TableDrafter(spec, TableModel.COUNTING);
    var session = new LocalSessionHost(any -> drafter, () -> verifier).open(spec, rounds::add);
    assertThat(waiting.await(10, TimeUnit.SECONDS)).isTrue();
    session.cancel();
    session.cancel();
    var outcome = session.outcome().toCompletableFuture().get(10, TimeUnit.SECONDS);
    assertThat(outcome.reason()).isEqualTo(StopReason.CANCELLED);
    assertThat(outcome.committed()).isEqualTo(TokenIds.empty());
    assertThat(drafter.closed).isTrue();
    assertThat(verifier.closed).isTrue();
  }

  @Test
  void shouldFailTheSessionAndCloseBothSidesWhenTheSinkThrows() {
    var spec = spec(PROMPT, 12, WindowPolicy.sequential(2));
    var drafter = new TableDrafter(spec, TableModel.COUNTING);
    var session = new LocalSessionHost(any -> drafter, () -> verifier).open(spec, round -> {
      throw new IllegalStateException("the sink is full");
    });
    assertThat(session.outcome().toCompletableFuture())
        .failsWithin(Duration.ofSeconds(10))
        .withThrowableThat()
        .withMessageContaining("the sink is full");
    assertThat(drafter.closed).isTrue();
    assertThat(verifier.closed).isTrue();
  }

  private Outcome run(SessionSpec spec, TableModel draft) {
    return new SpeculativeDecoder(spec, new TableDrafter(spec, draft), verifier, rounds::add).run();
  }

  private static SessionSpec spec(TokenIds prompt, int maxTokens, WindowPolicy window) {
    var stops = new StopRule(TokenIds.empty(), maxTokens, 1_000);
    return new SessionSpec(new SessionKey(1, 0), prompt, stops, SamplingParams.GREEDY, window);
  }

  private static TokenIds said(TokenIds prompt, int tokens) {
    TokenIds all = prompt;
    for (int i = 0; i < tokens; i++) {
      all = all.concat(TokenIds.of(TableModel.COUNTING.after(all.id(all.length() - 1), all.length()).id(0)));
    }
    return all.slice(prompt.length(), all.length());
  }
}
