package dev.layermesh.engine.cpu;

import dev.layermesh.engine.backend.Backend;
import dev.layermesh.engine.cpu.kernels.VectorKernels;

class VectorBackendTest extends CpuBackendContract {
  @Override
  Backend backend(CpuOptions options) {
    return new CpuBackend(VectorKernels::new, Matrices.PACKED, options);
  }
}
