package dev.layermesh.engine.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import dev.layermesh.decoding.TokenIds;
import dev.layermesh.engine.backend.Available;
import dev.layermesh.engine.backend.Backend;
import dev.layermesh.engine.backend.Backends;
import dev.layermesh.engine.backend.Batch;
import dev.layermesh.engine.backend.LayerStack;
import dev.layermesh.engine.backend.Tensor;
import dev.layermesh.engine.backend.TestModel;
import dev.layermesh.engine.checkpoint.Checkpoint;
import dev.layermesh.engine.model.LayerPlan;
import dev.layermesh.testkit.Fixtures;
import dev.layermesh.testkit.Fixtures.GgufCase;
import java.nio.file.Path;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Logits of whole models with 8-bit activations: close to the reference's, and equal in C and Java. */
@Timeout(120)
class QuantizedModelTest {
  private static final double TOLERANCE = 0.15; // of a logit; the largest seen is 0.113

  static Stream<Arguments> everyTypeOnBackendsOfPackedWeights() {
    return Fixtures.ggufTypes().stream()
        .flatMap(type -> Stream.of("vector", "native").map(backend -> Arguments.of(type, backend)));
  }

  /** The token is certain where the reference's two best logits are further apart than twice the tolerance. */
  @ParameterizedTest
  @MethodSource("everyTypeOnBackendsOfPackedWeights")
  void shouldKeepLogitsCloseAndTokensWhereTheMarginAllows(String type, String name) {
    Available.require(name);
    try (Checkpoint checkpoint = Checkpoint.open(Fixtures.gguf(type));
        Backend scalar = Backends.open("cpu", "scalar", 1);
        Backend backend = Backends.open("cpu", name, 2)) {
      TestModel model = TestModel.of(checkpoint);
      int decided = 0;
      int all = 0;
      for (GgufCase golden : Fixtures.ggufGolden(type)) {
        TokenIds said = golden.promptIds().concat(golden.greedyIds());
        float[][] exact = logits(model, scalar, said);
        float[][] logits = logits(model, backend, said);
        for (int t = golden.promptIds().length() - 1; t + 1 < said.length(); t++) {
          assertThat(largestDifference(exact[t], logits[t])).as("position %d", t).isLessThan(TOLERANCE);
          all++;
          if (margin(exact[t]) > 2 * TOLERANCE) {
            decided++;
            assertThat(largest(logits[t])).as("position %d", t).isEqualTo(said.id(t + 1));
          }
        }
      }
      assertThat(decided).as("of %d tokens", all).isGreaterThan(all / 2);
    }
  }

  static Stream<Path> models() {
    return Stream.concat(Fixtures.ggufTypes().stream().map(Fixtures::gguf), Fixtures.checkpoints().stream());
  }

  @ParameterizedTest
  @MethodSource("models")
  void shouldGiveTheSameBitsInCAndInJava(Path path) {
    Available.require("native");
    try (Checkpoint checkpoint = Checkpoint.open(path);
        Backend java = Backends.open("cpu", "vector", 1);
        Backend c = Backends.open("cpu", "native", 2)) {
      TestModel model = TestModel.of(checkpoint);
      TokenIds ids = model.ids(1, 70);
      float[][] expected = logits(model, java, ids);
      assertThat(logits(model, c, ids)).isDeepEqualTo(expected);
    }
  }

  /** Of every position, which are run in one step. */
  private static float[][] logits(TestModel model, Backend backend, TokenIds ids) {
    LayerStack stack = model.stack(backend, LayerPlan.all(model.config().numLayers()));
    Tensor states = model.embed(backend, ids);
    stack.run(Batch.of(stack.newCache(), 0, ids.length()), states);
    return model.logits(backend, states, IntStream.range(0, ids.length()).toArray());
  }

  private static double largestDifference(float[] a, float[] b) {
    return IntStream.range(0, a.length).mapToDouble(i -> Math.abs((double) a[i] - b[i])).max().orElseThrow();
  }

  private static int largest(float[] logits) {
    return IntStream.range(0, logits.length).reduce(0, (best, i) -> logits[i] > logits[best] ? i : best);
  }

  private static double margin(float[] logits) {
    int best = largest(logits);
    return logits[best]
        - IntStream.range(0, logits.length).filter(i -> i != best).mapToDouble(i -> logits[i]).max().orElseThrow();
  }
}
