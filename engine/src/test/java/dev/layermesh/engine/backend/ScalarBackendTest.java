package dev.layermesh.engine.backend;

class ScalarBackendTest extends BackendContract {
  @Override
  Backend backend(CpuOptions options) {
    return new CpuBackend(ScalarKernels::new, Matrices.STORED, options);
  }
}
