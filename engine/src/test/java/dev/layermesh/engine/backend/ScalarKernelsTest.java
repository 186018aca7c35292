package dev.layermesh.engine.backend;

class ScalarKernelsTest extends KernelsContract {
  @Override
  Kernels kernels() {
    return new ScalarKernels();
  }
}
