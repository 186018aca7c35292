package dev.layermesh.engine.speculation;

import static org.assertj.core.api.Assertions.assertThat;

import dev.layermesh.decoding.SamplingParams;
import dev.layermesh.decoding.SessionKey;
import dev.layermesh.decoding.SessionSpec;
import dev.layermesh.decoding.StopRule;
import dev.layermesh.decoding.TokenIds;
import dev.layermesh.decoding.WindowPolicy;
import dev.layermesh.decoding.loop.Drafter;
import dev.layermesh.decoding.loop.LocalVerifier;
import dev.layermesh.decoding.loop.Outcome;
import dev.layermesh.decoding.loop.Round;
import dev.layermesh.decoding.loop.SpeculativeDecoder;
import dev.layermesh.decoding.loop.Verifier;
import dev.layermesh.engine.EngineOptions;
import dev.layermesh.engine.kv.KvOptions;
import dev.layermesh.testkit.Fixtures;
import dev.layermesh.testkit.Lossless;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Both sides of a model on one lane. */
@Timeout(value = 2, unit = TimeUnit.MINUTES)
class CoLocatedModelTest {
  private static final EngineOptions OPTIONS = EngineOptions.of(Fixtures.tinyLlama3());
  private static final int BLOCK = 16; // positions
  private static final int PROMPT = 40;

  private static TokenIds decode(DraftModel draft, VerifyModel verify, int session, int window) {
    var spec = new SessionSpec(
        new SessionKey(session, 0),
        TokenIds.of(IntStream.rangeClosed(0, 3 + session).map(i -> 5 + 7 * session + i).toArray()),
        new StopRule(TokenIds.empty(), 40, draft.model().config().maxPositions()),
        session % 2 == 0 ? SamplingParams.GREEDY : SamplingParams.sampled(0.8, session),
        WindowPolicy.sequential(window));
    try (Drafter drafter = draft.drafter(spec); Verifier verifier = new LocalVerifier(verify)) {
      return new SpeculativeDecoder(spec, drafter, verifier, (Round _) -> {}).run().committed();
    }
  }

  @Test
  void shouldGiveSessionsWithDifferentWindowsTheTokensOfTwoLanes() throws Exception {
    List<TokenIds> expected;
    try (var draft = DraftModel.open(OPTIONS, (_, _) -> {});
        var verify = VerifyModel.open(OPTIONS, false, (_, _) -> {})) {
      expected = IntStream.range(0, 8).mapToObj(session -> decode(draft, verify, session, 0)).toList();
    }
    try (var model = CoLocatedModel.open(OPTIONS, (_, _) -> {});
        var threads = Executors.newVirtualThreadPerTaskExecutor()) {
      var together = IntStream.range(0, 8)
          .mapToObj(session -> threads.submit(() -> decode(model.draft(), model.verify(), session, session % 5)))
          .toList();
      for (int session = 0; session < 8; session++) {
        assertThat(together.get(session).get()).as("session %d", session).isEqualTo(expected.get(session));
      }
      assertThat(model.draft().stats().meanDecodeRows()).as("rows that share draft steps").isGreaterThan(1.5);
      assertThat(model.verify().stats().meanDecodeRows()).as("rows that share verify steps").isGreaterThan(1.5);
    }
  }

  @Test
  void shouldShareAPromptAtBothStages() {
    try (var model = CoLocatedModel.open(OPTIONS.withKv(KvOptions.ofHeap().inBlocksOf(BLOCK)), (_, _) -> {})) {
      var split = new SplitModel(model.draft(), model.verify());
      Outcome first = run(split, 1);
      Outcome again = run(split, 1);
      Lossless.assertSameTokens(first.committed(), again.committed());
      assertThat(first.stats().earlyRows() - again.stats().earlyRows()).isEqualTo(PROMPT - 1);
      assertThat(first.stats().lateRows() - again.stats().lateRows()).isEqualTo(PROMPT - 1);
    }
  }

  private static Outcome run(SplitModel split, int seed) {
    var prompt = TokenIds.of(new Random(seed).ints(PROMPT, 3, 200).toArray());
    return split.run(
        split.spec(prompt, 40, SamplingParams.sampled(0.8, seed), WindowPolicy.sequential(3)), (Round _) -> {});
  }
}
