package dev.layermesh.engine.speculation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.layermesh.decoding.InputException;
import dev.layermesh.decoding.SamplingParams;
import dev.layermesh.decoding.TokenIds;
import dev.layermesh.decoding.WindowPolicy;
import dev.layermesh.engine.EngineOptions;
import dev.layermesh.engine.backend.Backends;
import dev.layermesh.engine.backend.Device;
import dev.layermesh.engine.device.FakeProvider;
import dev.layermesh.engine.kv.KvOptions;
import dev.layermesh.testkit.Fixtures;
import dev.layermesh.testkit.Fixtures.GoldenCase;
import dev.layermesh.testkit.Lossless;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Lane, drafter and verifier on a device whose memory the JVM cannot read and that gives no logits. */
@Tag("slow")
@Timeout(value = 3, unit = TimeUnit.MINUTES)
class DeviceDecodingTest {
  private static final List<Integer> WINDOWS = List.of(0, 4);

  @TempDir
  private Path services;

  private SplitModel open(Path folder, String device, String backend) {
    EngineOptions options = EngineOptions.of(folder).withExitLayer(exitLayer(folder)).withDevice(device)
        .withBackend(backend).withKv(KvOptions.ofMemory(FakeProvider.MEMORY).inBlocksOf(4));
    CoLocatedModel sides = FakeProvider.installed(services, () -> CoLocatedModel.open(options, (_, _) -> {}));
    return new SplitModel(sides.draft(), sides.verify());
  }

  private static int exitLayer(Path folder) {
    return Math.max(1, Fixtures.golden(folder).cases().getFirst().exitArgmax().size() / 2);
  }

  private static TokenIds decoded(SplitModel model, GoldenCase golden, SamplingParams sampling, int window) {
    int count = golden.greedyIds().length();
    return model.run(
        model.spec(golden.promptIds(), count, sampling, WindowPolicy.sequential(window)), _ -> {}).committed();
  }

  static Stream<Arguments> checkpointsOnDevices() {
    return Fixtures.checkpoints().stream().flatMap(
        folder -> Stream.of("fake:0", "fake:0,fake:1", "cpu,fake:0", "fake:0,cpu")
            .map(device -> Arguments.of(folder, device)));
  }

  @ParameterizedTest
  @MethodSource("checkpointsOnDevices")
  void shouldSayWhatTransformersSays(Path folder, String device) {
    try (SplitModel model = open(folder, device, "auto")) {
      for (GoldenCase golden : Fixtures.golden(folder).cases()) {
        for (int window : WINDOWS) {
          Lossless.assertSameTokens(golden.greedyIds(), decoded(model, golden, SamplingParams.GREEDY, window));
        }
      }
    }
  }

  static Stream<Path> checkpoints() {
    return Fixtures.checkpoints().stream();
  }

  @ParameterizedTest
  @MethodSource("checkpoints")
  void shouldSampleWithSharedNoiseAsTheCpuDoes(Path folder) {
    try (SplitModel cpu = open(folder, "cpu", "scalar"); SplitModel device = open(folder, "fake:0", "fake")) {
      assertThat(device.verify().model().arithmetic()).isEqualTo(cpu.verify().model().arithmetic());
      GoldenCase golden = Fixtures.golden(folder).cases().getFirst();
      for (SamplingParams sampling : List.of(
          SamplingParams.sampled(0.9, 3), new SamplingParams(1.2, 40, 0.95, 4, SamplingParams.GREEDY.acceptance()))) {
        TokenIds expected = decoded(cpu, golden, sampling, 0);
        for (int window : WINDOWS) {
          Lossless.assertSameTokens(expected, decoded(device, golden, sampling, window));
        }
      }
    }
  }

  @Test
  void shouldTakeOneDeviceOrTwo() {
    assertThat(EngineOptions.devices("cpu")).containsExactly(Device.CPU);
    assertThat(EngineOptions.devices("fake:0,fake:1"))
        .containsExactly(Device.parse("fake:0"), Device.parse("fake:1"));
    assertThatThrownBy(() -> EngineOptions.devices("cpu,cpu,cpu")).isInstanceOf(InputException.class)
        .hasMessage("device=cpu,cpu,cpu: must be one device, or two: one that drafts and one that verifies");
    assertThatThrownBy(() -> EngineOptions.devices("cpu,")).hasMessage("device=: must be cpu or cuda:N");
    Path folder = Fixtures.checkpoints().getFirst();
    assertThatThrownBy(() -> open(folder, "cpu,fake:7", "auto"))
        .hasMessage("device=fake:7: there are fake:0 and fake:1");
    assertThatThrownBy(() -> DraftModel.open(EngineOptions.of(folder).withDevice("cpu,fake:0"), (_, _) -> {}))
        .hasMessage("device=cpu,fake:0: must be cpu or cuda:N");
  }

  @Test
  void shouldSayHowMuchMemoryADeviceHas() {
    assertThat(Backends.memory(Device.CPU, "auto")).isEqualTo(Runtime.getRuntime().maxMemory());
    long memory = FakeProvider.installed(services, () -> Backends.memory(Device.parse("fake:1"), "auto"));
    assertThat(memory).isEqualTo(FakeProvider.MEMORY);
    assertThat(KvOptions.ofMemory(memory).bytes()).isEqualTo(memory / 4);
  }
}
