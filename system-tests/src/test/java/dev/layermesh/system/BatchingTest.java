package dev.layermesh.system;

import static org.assertj.core.api.Assertions.assertThat;

import dev.layermesh.decoding.SamplingParams;
import dev.layermesh.decoding.SessionSpec;
import dev.layermesh.decoding.TokenIds;
import dev.layermesh.decoding.WindowPolicy;
import dev.layermesh.draft.DraftWorker;
import dev.layermesh.engine.EngineOptions;
import dev.layermesh.engine.lane.LaneStats;
import dev.layermesh.mesh.membership.MeshOptions;
import dev.layermesh.testkit.Fixtures;
import dev.layermesh.testkit.Lossless;
import dev.layermesh.verify.VerifyWorker;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Sessions on one lane share each pass over its weights, and their tokens stay the same. */
@Timeout(value = 1, unit = TimeUnit.MINUTES)
class BatchingTest {
  private static final int SESSIONS = 8;
  private static final int TOKENS = 64;
  private static final WindowPolicy WINDOW = WindowPolicy.sequential(8);
  private static final TokenIds PROMPT = Fixtures.golden(Fixtures.bundledModel()).cases().getFirst().promptIds();

  @Test
  void shouldShareStepsAmongSessionsAndGiveEachTheTokensItGetsAlone() {
    MeshOptions options = ClusterNode.options();
    try (SplitModel reference = SplitModel.open(EngineOptions.of(Fixtures.bundledModel()));
        SplitModel served = SplitModel.open(EngineOptions.of(Fixtures.bundledModel()));
        ClusterNode drafts = ClusterNode.join(options);
        ClusterNode verifies = ClusterNode.join(options);
        ClusterNode front = ClusterNode.join(options);
        VerifyWorker verify = verifies.verify(served.verify());
        DraftWorker draft = drafts.draft(served.draft());
        Gateway gateway = new Gateway(front)) {
      gateway.awaitWorkers(1, 1);
      List<SessionSpec> specs = IntStream.range(0, SESSIONS)
          .mapToObj(seed -> served.spec(PROMPT, TOKENS, SamplingParams.sampled(0.8, seed), WINDOW))
          .toList();
      List<TokenIds> alone = specs.stream().map(spec -> reference.alone(spec).committed()).toList();
      List<Gateway.Stream> together = specs.stream().map(spec -> gateway.open(spec, Gateway.UNLIMITED)).toList();
      for (int i = 0; i < SESSIONS; i++) {
        Lossless.assertSameTokens(alone.get(i), together.get(i).finished().committed());
      }
      assertThat(alone).doesNotHaveDuplicates();
      assertShared("draft", draft.lane(), 1);
      assertShared("verify", verify.lane(), WINDOW.draftTokens() + 1);
    }
  }

  /**
   * A decode step has more than two rows, and more than one session has alone.
   *
   * @param rowsAlone rows of a step at most when one session has the lane to itself
   */
  private static void assertShared(String name, LaneStats lane, int rowsAlone) {
    System.out.printf("%d sessions on a %s lane: %.2f rows in a decode step, %d at most for one session%n",
        SESSIONS, name, lane.meanDecodeRows(), rowsAlone);
    assertThat(lane.meanDecodeRows()).as("%s lane", name).isGreaterThan(Math.max(2, rowsAlone));
  }
}
