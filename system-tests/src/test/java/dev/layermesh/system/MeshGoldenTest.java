package dev.layermesh.system;

import static org.assertj.core.api.Assertions.assertThat;

import dev.layermesh.decoding.SamplingParams;
import dev.layermesh.decoding.SessionSpec;
import dev.layermesh.decoding.StopReason;
import dev.layermesh.decoding.WindowPolicy;
import dev.layermesh.decoding.loop.Outcome;
import dev.layermesh.draft.DraftWorker;
import dev.layermesh.engine.EngineOptions;
import dev.layermesh.mesh.membership.MeshOptions;
import dev.layermesh.testkit.Await;
import dev.layermesh.testkit.Fixtures;
import dev.layermesh.testkit.Fixtures.GoldenCase;
import dev.layermesh.testkit.Lossless;
import dev.layermesh.verify.VerifyWorker;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Whole decoding over three clustered nodes, against what Hugging Face transformers says. */
@Timeout(value = 2, unit = TimeUnit.MINUTES)
class MeshGoldenTest {
  private static final List<Integer> WINDOWS = List.of(0, 1, 2, 4, 8);

  private record Run(GoldenCase golden, int window, Gateway.Stream stream) {}

  private static ClusterNode drafts;
  private static ClusterNode verifies;
  private static ClusterNode front;
  private static Gateway gateway;

  @BeforeAll
  static void join() {
    MeshOptions options = ClusterNode.options();
    drafts = ClusterNode.join(options);
    verifies = ClusterNode.join(options);
    front = ClusterNode.join(options);
    gateway = new Gateway(front);
  }

  @AfterAll
  static void leave() {
    gateway.close();
    List.of(front, verifies, drafts).forEach(ClusterNode::close);
  }

  static Stream<Arguments> threeExitsOfEveryCheckpoint() {
    return Fixtures.checkpoints().stream().flatMap(folder -> {
      int numLayers = Fixtures.golden(folder).cases().getFirst().exitArgmax().size();
      return Stream.of(1, numLayers / 2, numLayers - 1).map(exit -> Arguments.of(folder, exit));
    });
  }

  @ParameterizedTest
  @MethodSource("threeExitsOfEveryCheckpoint")
  void shouldSayWhatTransformersSaysAndCountEveryRowOnce(Path folder, int exitLayer) {
    try (SplitModel model = SplitModel.open(SplitModel.unshared(EngineOptions.of(folder).withExitLayer(exitLayer)));
        VerifyWorker verify = verifies.verify(model.verify());
        DraftWorker draft = drafts.draft(model.draft())) {
      gateway.awaitWorkers(1, 1);
      var runs = new ArrayList<Run>();
      for (GoldenCase golden : Fixtures.golden(folder).cases()) {
        for (int window : WINDOWS) {
          runs.add(new Run(golden, window, gateway.open(spec(model, golden, window), Gateway.UNLIMITED)));
        }
      }
      runs.forEach(MeshGoldenTest::check);
      Await.until("no worker holds a session", Duration.ofSeconds(5), () -> draft.sessions() + verify.sessions() == 0);
    }
    gateway.awaitWorkers(0, 0);
  }

  private static SessionSpec spec(SplitModel model, GoldenCase golden, int window) {
    return model.spec(
        golden.promptIds(), golden.greedyIds().length(), SamplingParams.GREEDY, WindowPolicy.sequential(window));
  }

  private static void check(Run run) {
    Outcome outcome = run.stream().finished();
    Lossless.assertSameTokens(run.golden().greedyIds(), outcome.committed());
    Lossless.assertSameTokens(run.golden().greedyIds(), run.stream().tokens());
    assertThat(outcome.reason()).isEqualTo(StopReason.LENGTH);
    assertThat(outcome.stats().earlyRows()).as("early rows, window %d", run.window()).isEqualTo(run.stream().rows());
    assertThat(outcome.stats().lateRows()).as("late rows, window %d", run.window()).isEqualTo(run.stream().rows());
  }
}
