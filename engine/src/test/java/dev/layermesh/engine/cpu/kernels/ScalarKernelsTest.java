package dev.layermesh.engine.cpu.kernels;

import dev.layermesh.engine.checkpoint.TensorView;

class ScalarKernelsTest extends KernelsContract {
  @Override
  Kernels kernels() {
    return new ScalarKernels();
  }

  @Override
  Matrix matrix(TensorView weights) {
    return new StoredMatrix(weights);
  }
}
