package dev.layermesh.engine.cpu;

import dev.layermesh.engine.backend.Backend;
import dev.layermesh.engine.backend.BackendOptions;
import dev.layermesh.engine.backend.BackendProvider;
import dev.layermesh.engine.backend.Device;
import dev.layermesh.engine.cpu.kernels.ScalarKernels;
import java.util.Optional;

/** {@code --backend scalar}: plain Java, the reference; runs everywhere. */
public final class ScalarBackendProvider implements BackendProvider {

  @Override
  public String name() {
    return "scalar";
  }

  @Override
  public String deviceKind() {
    return Device.CPU.kind();
  }

  @Override
  public int preference() {
    return 0;
  }

  @Override
  public Optional<String> unavailableBecause() {
    return Optional.empty();
  }

  @Override
  public long memory(Device device) {
    return CpuOptions.heap();
  }

  @Override
  public Backend create(BackendOptions options) {
    return new CpuBackend(ScalarKernels::new, Matrices.STORED, CpuOptions.of(options));
  }
}
