package dev.layermesh.engine.backend;

import dev.layermesh.engine.checkpoint.TensorView;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/** Elements of weights as float32, as {@link TensorView#widen} defines them. */
final class Elements {
  static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private Elements() {}

  /** Byte at which row {@code row}, as transformers counts them, begins. */
  static long offset(TensorView weights, int row) {
    return weights.offset(row);
  }

  /**
   * Copies elements [from,columns) of a row to {@code out}, the first one to {@code out[at]}.
   *
   * @param from where a block begins: any element of an unquantized row
   */
  static void widen(TensorView weights, int row, int from, float[] out, int at) {
    weights.widen(row, from, out, at);
  }

  /** All elements of a vector. */
  static float[] vector(TensorView weights) {
    float[] all = new float[weights.columns()];
    widen(weights, 0, 0, all, 0);
    return all;
  }
}
