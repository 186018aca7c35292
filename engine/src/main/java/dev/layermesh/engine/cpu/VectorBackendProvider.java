package dev.layermesh.engine.cpu;

import dev.layermesh.engine.backend.Backend;
import dev.layermesh.engine.backend.BackendOptions;
import dev.layermesh.engine.backend.BackendProvider;
import dev.layermesh.engine.backend.Device;
import dev.layermesh.engine.cpu.kernels.VectorKernels;
import java.util.Optional;

/** {@code --backend vector}: SIMD through the incubating Vector API, which a JVM has only when a flag asks for it. */
public final class VectorBackendProvider implements BackendProvider {
  private static final String MODULE = "jdk.incubator.vector";

  @Override
  public String name() {
    return "vector";
  }

  @Override
  public String deviceKind() {
    return Device.CPU.kind();
  }

  @Override
  public int preference() {
    return 10;
  }

  @Override
  public Optional<String> unavailableBecause() {
    return ModuleLayer.boot().findModule(MODULE).isPresent()
        ? Optional.empty()
        : Optional.of("this JVM was started without --add-modules " + MODULE);
  }

  @Override
  public long memory(Device device) {
    return CpuOptions.heap();
  }

  @Override
  public Backend create(BackendOptions options) {
    return new CpuBackend(VectorKernels::new, Matrices.PACKED, CpuOptions.of(options));
  }
}
