package dev.layermesh.engine.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import dev.layermesh.engine.backend.Backend;
import dev.layermesh.engine.backend.BackendContract;
import dev.layermesh.engine.backend.BackendOptions;
import dev.layermesh.engine.backend.TestModel;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What every CPU backend must do besides {@link BackendContract}. */
abstract class CpuBackendContract extends BackendContract {

  abstract Backend backend(CpuOptions options);

  /** Even the smallest work is shared with the helpers. */
  @Override
  protected Backend backend(BackendOptions options) {
    CpuOptions cpu = CpuOptions.of(options);
    return backend(new CpuOptions(cpu.threads(), cpu.pagePositions(), 0, cpu.kv(), cpu.pinCores()));
  }

  @ParameterizedTest
  @MethodSource("models")
  void shouldGiveTheSameBitsWhereTheLaneRunsSmallWorkAlone(TestModel model) {
    try (Backend all = backend(new CpuOptions(2, 16, 0));
        Backend some = backend(new CpuOptions(2, 16, 1 << 16));
        Backend usual = backend(CpuOptions.of(1))) {
      float[] expected = inChunks(model.on(all), 8, List.of());
      assertThat(inChunks(model.on(some), 8, List.of())).isEqualTo(expected);
      assertThat(inChunks(model.on(usual), 8, List.of())).isEqualTo(expected);
    }
  }
}
