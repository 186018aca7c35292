package dev.layermesh.benchmarks.kernels;

import dev.layermesh.engine.cpu.kernels.Kernels;
import dev.layermesh.engine.cpu.kernels.NativeKernels;
import dev.layermesh.engine.cpu.kernels.VectorKernels;

/** The families of kernels that are measured. */
public enum KernelFamily {
  VECTOR, NATIVE;

  Kernels create() {
    return switch (this) {
      case VECTOR -> new VectorKernels();
      case NATIVE -> new NativeKernels();
    };
  }
}
