package dev.layermesh.engine.speculation;

import static org.assertj.core.api.Assertions.assertThat;

import dev.layermesh.decoding.AcceptanceRule;
import dev.layermesh.decoding.SamplingParams;
import dev.layermesh.decoding.SessionSpec;
import dev.layermesh.decoding.TokenIds;
import dev.layermesh.decoding.WindowPolicy;
import dev.layermesh.engine.EngineOptions;
import dev.layermesh.engine.backend.Available;
import dev.layermesh.engine.convert.Quantization;
import dev.layermesh.engine.convert.QuantizedModels;
import dev.layermesh.engine.cpu.NativeBackendProvider;
import dev.layermesh.engine.kv.KvOptions;
import dev.layermesh.engine.kv.KvType;
import dev.layermesh.testkit.DraftOracle;
import dev.layermesh.testkit.Fixtures;
import dev.layermesh.testkit.Lossless;
import dev.layermesh.testkit.LosslessMatrix;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Real layers keep the law: whatever is drafted, the tokens are those of autoregressive decoding. */
@Tag("slow")
@Timeout(value = 3, unit = TimeUnit.MINUTES)
class LosslessModelTest {
  private static final TokenIds PROMPT = Fixtures.golden(Fixtures.bundledModel()).cases().getFirst().promptIds();

  static IntStream everyExit() {
    return IntStream.range(1, 8);
  }

  @ParameterizedTest
  @MethodSource("everyExit")
  void shouldSampleTheTokensOfAutoregressiveDecodingWithTheSameSeed(int exitLayer) {
    try (var split = SplitModel.open(EngineOptions.of(Fixtures.bundledModel()).withExitLayer(exitLayer))) {
      for (int seed = 0; seed < 2; seed++) {
        var sampling = new SamplingParams(0.9, seed * 40, 1 - 0.05 * seed, seed, AcceptanceRule.SHARED_NOISE);
        TokenIds expected = committed(split, split.spec(PROMPT, 32, sampling, WindowPolicy.AUTOREGRESSIVE));
        for (WindowPolicy window : LosslessMatrix.windows(List.of(1, 2), List.of(1, 4, 8))) {
          Lossless.assertSameTokens(expected, committed(split, split.spec(PROMPT, 32, sampling, window)));
        }
      }
    }
  }

  /** A position is rounded once, when it is written, so a row reads the same numbers in every window. */
  @ParameterizedTest
  @CsvSource({"1, scalar", "3, vector", "3, native", "7, native"})
  void shouldCommitTheTokensOfAutoregressiveDecodingWhereKeysAndValuesAreRounded(int exitLayer, String backend) {
    Available.require(backend);
    var options = EngineOptions.of(Fixtures.bundledModel()).withExitLayer(exitLayer).withBackend(backend);
    var sampled = new SamplingParams(0.9, 40, 0.95, 5, AcceptanceRule.SHARED_NOISE);
    KvOptions kv = options.kv().withType(KvType.Q8_0).inBlocksOf(16);
    try (var split = SplitModel.open(options.withKv(kv.unshared()));
        var shared = SplitModel.open(options.withKv(kv))) {
      for (SamplingParams sampling : List.of(SamplingParams.GREEDY, sampled)) {
        TokenIds expected = committed(split, split.spec(PROMPT, 32, sampling, WindowPolicy.AUTOREGRESSIVE));
        for (WindowPolicy window : LosslessMatrix.windows(List.of(1, 2), List.of(1, 4))) {
          Lossless.assertSameTokens(expected, committed(split, split.spec(PROMPT, 32, sampling, window)));
          Lossless.assertSameTokens(expected, committed(shared, shared.spec(PROMPT, 32, sampling, window)));
        }
      }
      assertThat(shared.verify().memory().kv().hitPositions()).isPositive();
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"scalar", "vector", "native"})
  void shouldNotDependOnWhatIsDrafted(String backend) {
    Available.require(backend);
    requireIndependenceOfDrafts(EngineOptions.of(Fixtures.tinyLlama2()).withBackend(backend));
  }

  /** Rows of whole blocks are quantized; the others become F16. */
  @ParameterizedTest
  @CsvSource({"Q8_0, native", "Q8_0, scalar", "Q4_0, vector"})
  void shouldNotDependOnWhatIsDraftedWhereWeightsAreQuantized(
      Quantization quantization, String backend, @TempDir Path cache) {
    Available.require(backend);
    Path quantized = QuantizedModels.of(Fixtures.tinyLlama2(), quantization, cache, (done, total) -> {});
    requireIndependenceOfDrafts(EngineOptions.of(quantized).withBackend(backend));
  }

  /** Backends of one arithmetic commit the same tokens, with any number of threads, whatever the window. */
  @ParameterizedTest
  @CsvSource({"Q8_0, F32", "Q4_0, F32", "Q4_1, F32", "Q8_0, Q8_0"})
  void shouldSayTheSameWithAnyWindowThreadsAndBackendOfOneArithmetic(String type, KvType kvType) {
    KvOptions kv = KvOptions.ofHeap().unshared().withType(kvType);
    var sampled = new SamplingParams(0.9, 40, 0.95, 5, AcceptanceRule.SHARED_NOISE);
    List<TokenIds> expected = new ArrayList<>();
    for (String backend : packedBackends()) {
      for (int threads : List.of(1, 2)) {
        var options =
            new EngineOptions(Fixtures.gguf(type), OptionalInt.empty(), "cpu", backend, threads, kv, false);
        try (var split = SplitModel.open(options)) {
          for (SamplingParams sampling : List.of(SamplingParams.GREEDY, sampled)) {
            TokenIds said = committed(split, split.spec(PROMPT, 32, sampling, WindowPolicy.AUTOREGRESSIVE));
            for (WindowPolicy window : LosslessMatrix.windows(List.of(1, 2), List.of(0, 1, 4))) {
              Lossless.assertSameTokens(said, committed(split, split.spec(PROMPT, 32, sampling, window)));
            }
            expected.add(said);
          }
        }
      }
    }
    for (int i = 2; i < expected.size(); i++) {
      Lossless.assertSameTokens(expected.get(i % 2), expected.get(i));
    }
  }

  private static List<String> packedBackends() {
    return new NativeBackendProvider().unavailableBecause().isEmpty() ? List.of("vector", "native") : List.of("vector");
  }

  private static void requireIndependenceOfDrafts(EngineOptions options) {
    TokenIds prompt = Fixtures.golden(Fixtures.tinyLlama2()).cases().getFirst().promptIds();
    try (var split = SplitModel.open(options)) {
      int vocabSize = split.draft().model().config().vocabSize();
      var oracle = new DraftOracle(spec -> committed(split, autoregressive(spec)), vocabSize);
      int runs = LosslessMatrix.small(
          (spec, drafter, sink) -> split.run(spec, oracle.choice(spec, drafter), sink), oracle::continuation)
          .assertLossless(prompt, split.draft().model().config().maxPositions(), 7);
      assertThat(runs).isGreaterThan(200);
    }
  }

  private static SessionSpec autoregressive(SessionSpec spec) {
    return new SessionSpec(
        spec.key(), spec.prompt(), spec.committed(), spec.stops(), spec.sampling(), WindowPolicy.AUTOREGRESSIVE);
  }

  private static TokenIds committed(SplitModel split, SessionSpec spec) {
    return split.run(spec, round -> {}).committed();
  }
}
