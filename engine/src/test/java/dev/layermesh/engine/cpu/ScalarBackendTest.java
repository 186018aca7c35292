package dev.layermesh.engine.cpu;

import dev.layermesh.engine.backend.Backend;
import dev.layermesh.engine.cpu.kernels.ScalarKernels;

class ScalarBackendTest extends CpuBackendContract {
  @Override
  Backend backend(CpuOptions options) {
    return new CpuBackend(ScalarKernels::new, Matrices.STORED, options);
  }
}
