package dev.layermesh.engine.cpu;

/** Kernels that are measured. */
public enum KernelFamily {
  VECTOR, NATIVE;

  Kernels create() {
    return switch (this) {
      case VECTOR -> new VectorKernels();
      case NATIVE -> new NativeKernels();
    };
  }
}
