package dev.layermesh.engine.speculation;

import static org.assertj.core.api.Assertions.assertThat;

import dev.layermesh.decoding.SamplingParams;
import dev.layermesh.decoding.StopReason;
import dev.layermesh.decoding.TokenIds;
import dev.layermesh.decoding.WindowPolicy;
import dev.layermesh.decoding.loop.Outcome;
import dev.layermesh.engine.EngineOptions;
import dev.layermesh.engine.backend.Available;
import dev.layermesh.engine.kv.KvOptions;
import dev.layermesh.testkit.Fixtures;
import dev.layermesh.testkit.Fixtures.GoldenCase;
import dev.layermesh.testkit.Lossless;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Whole decoding, in process, against what Hugging Face transformers says. */
@Tag("slow")
@Timeout(value = 3, unit = TimeUnit.MINUTES)
class GoldenDecodingTest {

  static Stream<Arguments> everyExitOfEveryCheckpoint() {
    return Fixtures.checkpoints().stream().flatMap(folder -> {
      int numLayers = Fixtures.golden(folder).cases().getFirst().exitArgmax().size();
      Stream<Arguments> all = Stream.iterate(1, exit -> exit < numLayers, exit -> exit + 1)
          .map(exit -> Arguments.of(folder, exit, "vector", List.of(0, 1, 2, 4, 8)));
      Stream<Arguments> others = Stream.of(1, numLayers / 2, numLayers - 1)
          .flatMap(exit -> Stream.of("scalar", "native").map(name -> Arguments.of(folder, exit, name, List.of(0, 4))));
      return Stream.concat(all, others);
    });
  }

  @ParameterizedTest
  @MethodSource("everyExitOfEveryCheckpoint")
  void shouldSayWhatTransformersSaysAndCountEveryRowOnce(
      Path folder, int exitLayer, String backend, List<Integer> windows) {
    Available.require(backend);
    var options = EngineOptions.of(folder).withExitLayer(exitLayer).withBackend(backend)
        .withKv(KvOptions.ofHeap().unshared());
    try (var split = SplitModel.open(options)) {
      for (GoldenCase golden : Fixtures.golden(folder).cases()) {
        for (int window : windows) {
          decode(split, golden, window);
        }
      }
    }
  }

  private static void decode(SplitModel split, GoldenCase golden, int window) {
    TokenIds expected = golden.greedyIds();
    var rows = new AtomicLong(golden.promptIds().length() - 1);
    var spec = split.spec(
        golden.promptIds(), expected.length(), SamplingParams.GREEDY, WindowPolicy.sequential(window));
    Outcome outcome = split.run(spec, round -> rows.addAndGet(round.drafted().length() + 1));
    Lossless.assertSameTokens(expected, outcome.committed());
    assertThat(outcome.reason()).isEqualTo(StopReason.LENGTH);
    assertThat(outcome.stats().earlyRows()).as("early rows, window %d", window).isEqualTo(rows.get());
    assertThat(outcome.stats().lateRows()).as("late rows, window %d", window).isEqualTo(rows.get());
  }
}
