package dev.layermesh.engine.speculation;

import static org.assertj.core.api.Assertions.assertThat;

import dev.layermesh.decoding.SamplingParams;
import dev.layermesh.decoding.WindowPolicy;
import dev.layermesh.engine.EngineOptions;
import dev.layermesh.testkit.Fixtures;
import dev.layermesh.testkit.Fixtures.GgufCase;
import dev.layermesh.testkit.Lossless;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Quantized models, speculative or not, against float32 arithmetic on their dequantized weights by others' code. */
@Timeout(value = 3, unit = TimeUnit.MINUTES)
class GgufGoldenTest {

  static Stream<Arguments> everyTypeOnEveryBackend() {
    return Fixtures.ggufTypes().stream()
        .flatMap(type -> Stream.of("scalar", "vector").map(backend -> Arguments.of(type, backend)));
  }

  @ParameterizedTest
  @MethodSource("everyTypeOnEveryBackend")
  void shouldSayWhatTheReferenceSays(String type, String backend) {
    try (var split = SplitModel.open(EngineOptions.of(Fixtures.gguf(type)).withBackend(backend))) {
      assertThat(split.draft().model().exitLayer()).isEqualTo(3);
      for (GgufCase golden : Fixtures.ggufGolden(type)) {
        for (int window : backend.equals("scalar") ? List.of(0, 4) : List.of(4)) {
          var spec = split.spec(golden.promptIds(), golden.greedyIds().length(), SamplingParams.GREEDY,
              WindowPolicy.sequential(window));
          Lossless.assertSameTokens(golden.greedyIds(), split.run(spec, round -> { }).committed());
        }
      }
    }
  }
}
