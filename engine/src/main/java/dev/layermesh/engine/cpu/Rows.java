package dev.layermesh.engine.cpu;

import dev.layermesh.engine.backend.Tensor;

/**
 * A tensor in the Java heap.
 *
 * @param values [rows, width], float32
 */
record Rows(int rows, int width, float[] values) implements Tensor {
  Rows {
    if (rows < 0 || width < 1 || values.length != Math.multiplyExact(rows, width)) {
      throw new IllegalArgumentException(values.length + " values for [" + rows + ", " + width + "]");
    }
  }

  static Rows empty(int rows, int width) {
    return new Rows(rows, width, new float[Math.multiplyExact(rows, width)]);
  }

  /** {@code tensor} as one of this backend's, of the width asked for. */
  static Rows of(Tensor tensor, int width) {
    if (tensor instanceof Rows rows && rows.width == width) {
      return rows;
    }
    throw new IllegalStateException("a " + tensor.getClass().getSimpleName() + " of width " + tensor.width()
        + " where the CPU backend's own of width " + width + " belongs");
  }
}
