package dev.layermesh.engine.cpu;

import dev.layermesh.engine.backend.Tensor;

/**
 * A tensor in the Java heap.
 *
 * @param values [rows, width], float32
 */
record HeapTensor(int rows, int width, float[] values) implements Tensor {
  HeapTensor {
    if (rows < 0 || width < 1 || values.length != Math.multiplyExact(rows, width)) {
      throw new IllegalArgumentException(values.length + " values for [" + rows + ", " + width + "]");
    }
  }

  static HeapTensor empty(int rows, int width) {
    return new HeapTensor(rows, width, new float[Math.multiplyExact(rows, width)]);
  }

  /** {@code tensor}, which must be a CPU backend's own, of {@code width}. */
  static HeapTensor of(Tensor tensor, int width) {
    if (tensor instanceof HeapTensor rows && rows.width == width) {
      return rows;
    }
    throw new IllegalStateException("a " + tensor.getClass().getSimpleName() + " of width " + tensor.width()
        + " where the CPU backend's own of width " + width + " belongs");
  }
}
