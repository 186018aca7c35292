package dev.layermesh.engine.cpu.kernels;

import dev.layermesh.engine.checkpoint.TensorView;

class VectorKernelsTest extends KernelsContract {
  @Override
  Kernels kernels() {
    return new VectorKernels();
  }

  @Override
  Matrix matrix(TensorView weights) {
    return Products.packed(weights);
  }
}
