package dev.layermesh.engine.cpu;

import dev.layermesh.engine.backend.Backend;

class ScalarBackendTest extends BackendContract {
  @Override
  Backend backend(CpuOptions options) {
    return new CpuBackend(ScalarKernels::new, Matrices.STORED, options);
  }
}
