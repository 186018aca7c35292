package dev.layermesh.engine.speculation;

import static org.assertj.core.api.Assertions.assertThat;

import dev.layermesh.decoding.Drafter;
import dev.layermesh.decoding.LocalVerifier;
import dev.layermesh.decoding.Round;
import dev.layermesh.decoding.SamplingParams;
import dev.layermesh.decoding.SessionKey;
import dev.layermesh.decoding.SessionSpec;
import dev.layermesh.decoding.SpeculativeDecoder;
import dev.layermesh.decoding.StopRule;
import dev.layermesh.decoding.TokenIds;
import dev.layermesh.decoding.Verifier;
import dev.layermesh.decoding.WindowPolicy;
import dev.layermesh.engine.EngineOptions;
import dev.layermesh.testkit.Fixtures;
import java.util.List;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Both sides of a model on one lane. */
@Timeout(value = 2, unit = TimeUnit.MINUTES)
class CoLocatedModelTest {
  private static final EngineOptions OPTIONS = EngineOptions.of(Fixtures.tinyLlama3());

  private static TokenIds decode(DraftModel draft, VerifyModel verify, int session, int window) {
    var spec = new SessionSpec(
        new SessionKey(session, 0),
        TokenIds.of(IntStream.rangeClosed(0, 3 + session).map(i -> 5 + 7 * session + i).toArray()),
        new StopRule(TokenIds.empty(), 40, draft.model().config().maxPositions()),
        session % 2 == 0 ? SamplingParams.GREEDY : SamplingParams.sampled(0.8, session),
        WindowPolicy.sequential(window));
    try (Drafter drafter = draft.drafter(spec); Verifier verifier = new LocalVerifier(verify)) {
      return new SpeculativeDecoder(spec, drafter, verifier, (Round _) -> { }).run().committed();
    }
  }

  @Test
  void shouldGiveSessionsWithDifferentWindowsTheTokensOfTwoLanes() throws Exception {
    List<TokenIds> expected;
    try (var draft = DraftModel.open(OPTIONS, (_, _) -> { });
        var verify = VerifyModel.open(OPTIONS, false, (_, _) -> { })) {
      expected = IntStream.range(0, 8).mapToObj(session -> decode(draft, verify, session, 0)).toList();
    }
    try (var model = CoLocatedModel.open(OPTIONS, (_, _) -> { });
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
}
