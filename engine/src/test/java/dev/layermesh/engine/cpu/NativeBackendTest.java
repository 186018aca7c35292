package dev.layermesh.engine.cpu;

import dev.layermesh.engine.backend.Available;
import dev.layermesh.engine.backend.Backend;
import dev.layermesh.engine.cpu.kernels.NativeKernels;
import org.junit.jupiter.api.BeforeAll;

class NativeBackendTest extends CpuBackendContract {
  @BeforeAll
  static void requireLibrary() {
    Available.require("native");
  }

  @Override
  Backend backend(CpuOptions options) {
    return new CpuBackend(NativeKernels::new, Matrices.PACKED, options);
  }
}
