package dev.layermesh.engine.cpu.kernels;

import dev.layermesh.engine.backend.Available;
import dev.layermesh.engine.checkpoint.TensorView;
import org.junit.jupiter.api.BeforeAll;

class NativeKernelsTest extends KernelsContract {
  @BeforeAll
  static void requireLibrary() {
    Available.require("native");
  }

  @Override
  Kernels kernels() {
    return new NativeKernels();
  }

  @Override
  Matrix matrix(TensorView weights) {
    return Products.packed(weights);
  }
}
