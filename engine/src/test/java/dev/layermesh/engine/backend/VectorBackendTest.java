package dev.layermesh.engine.backend;

class VectorBackendTest extends BackendContract {
  @Override
  Backend backend(CpuOptions options) {
    return new CpuBackend(VectorKernels::new, Matrices.PACKED, options);
  }
}
