package dev.layermesh.engine.speculation;

import static org.assertj.core.api.Assertions.assertThat;

import dev.layermesh.decoding.SamplingParams;
import dev.layermesh.decoding.TokenIds;
import dev.layermesh.decoding.WindowPolicy;
import dev.layermesh.engine.EngineOptions;
import dev.layermesh.engine.checkpoint.Checkpoint;
import dev.layermesh.engine.convert.GgufConverter;
import dev.layermesh.engine.convert.Quantization;
import dev.layermesh.testkit.Fixtures;
import dev.layermesh.testkit.Fixtures.GgufCase;
import dev.layermesh.testkit.Fixtures.GoldenCase;
import dev.layermesh.testkit.Lossless;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Quantized models, speculative or not, compared with another implementation in float32 on the dequantized weights. */
@Tag("slow")
@Timeout(value = 3, unit = TimeUnit.MINUTES)
class GgufGoldenTest {

  @ParameterizedTest
  @MethodSource("dev.layermesh.testkit.Fixtures#ggufTypes")
  void shouldSayWhatTheReferenceSays(String type) {
    try (var split = SplitModel.open(EngineOptions.of(Fixtures.gguf(type)).withBackend("scalar"))) {
      assertThat(split.draft().model().exitLayer()).isEqualTo(3);
      for (GgufCase golden : Fixtures.ggufGolden(type)) {
        for (int window : List.of(0, 4)) {
          var spec = split.spec(golden.promptIds(), golden.greedyIds().length(), SamplingParams.GREEDY,
              WindowPolicy.sequential(window));
          Lossless.assertSameTokens(golden.greedyIds(), split.run(spec, round -> {}).committed());
        }
      }
    }
  }

  static Stream<Arguments> everyCheckpointInEveryFormat() {
    return Fixtures.checkpoints().stream().flatMap(folder -> Stream.of(
        Arguments.of(folder, Optional.empty()),
        Arguments.of(folder, Optional.of(Quantization.Q8_0)),
        Arguments.of(folder, Optional.of(Quantization.Q4_0))));
  }

  /** Unquantized models give the folder's numbers; with quantized ones the drafts must not change the tokens. */
  @ParameterizedTest
  @MethodSource("everyCheckpointInEveryFormat")
  void shouldSayInGgufWhatTheFolderSays(Path folder, Optional<Quantization> quantization, @TempDir Path temp) {
    Path gguf = temp.resolve("model.gguf");
    try (Checkpoint checkpoint = Checkpoint.open(folder)) {
      GgufConverter.convert(checkpoint, quantization, gguf, (done, total) -> {});
    }
    GoldenCase golden = Fixtures.golden(folder).cases().getFirst();
    try (var split = SplitModel.open(EngineOptions.of(gguf).withBackend("scalar"))) {
      TokenIds plain = committed(split, golden, WindowPolicy.AUTOREGRESSIVE);
      Lossless.assertSameTokens(plain, committed(split, golden, WindowPolicy.sequential(4)));
      if (quantization.isEmpty()) {
        Lossless.assertSameTokens(golden.greedyIds(), plain);
      }
    }
  }

  private static TokenIds committed(SplitModel split, GoldenCase golden, WindowPolicy window) {
    var spec = split.spec(golden.promptIds(), golden.greedyIds().length(), SamplingParams.GREEDY, window);
    return split.run(spec, round -> {}).committed();
  }
}
