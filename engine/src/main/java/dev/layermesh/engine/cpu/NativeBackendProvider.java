package dev.layermesh.engine.cpu;

import dev.layermesh.engine.backend.Backend;
import dev.layermesh.engine.backend.BackendOptions;
import dev.layermesh.engine.backend.BackendProvider;
import dev.layermesh.engine.backend.Device;
import dev.layermesh.engine.cpu.kernels.NativeKernels;
import dev.layermesh.engine.cpu.kernels.NativeLibrary;
import java.util.Optional;

/** {@code --backend native}: the vector backend with its products in C. */
public final class NativeBackendProvider implements BackendProvider {
  private final BackendProvider java = new VectorBackendProvider();

  @Override
  public String name() {
    return "native";
  }

  @Override
  public String deviceKind() {
    return Device.CPU.kind();
  }

  @Override
  public int preference() {
    return 20;
  }

  @Override
  public Optional<String> unavailableBecause() {
    return java.unavailableBecause().or(NativeLibrary::unavailableBecause);
  }

  @Override
  public long memory(Device device) {
    return CpuOptions.heap();
  }

  @Override
  public Backend create(BackendOptions options) {
    return new CpuBackend(NativeKernels::new, Matrices.PACKED, CpuOptions.of(options));
  }
}
