package dev.layermesh.engine.backend;

import dev.layermesh.engine.checkpoint.DType;
import dev.layermesh.engine.checkpoint.TensorView;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * Elements of weights as float32. Conversions of single elements are exact; a quantized weight is what the format
 * defines it to be, computed in float32 in the order of the definition ({@link Blocks}).
 */
final class Elements {
  static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private Elements() {}

  /** Byte at which row {@code row}, as transformers counts them, begins. */
  static long offset(TensorView weights, int row) {
    return weights.order().stored(row) * weights.rowBytes();
  }

  /**
   * Copies elements [from,columns) of a row to {@code out}, the first one to {@code out[at]}.
   *
   * @param from where a block begins: any element of an unquantized row
   */
  static void widen(TensorView weights, int row, int from, float[] out, int at) {
    MemorySegment data = weights.data();
    int count = weights.columns() - from;
    long offset = offset(weights, row) + weights.dtype().rowBytes(from);
    switch (weights.dtype()) {
      case F32 -> MemorySegment.copy(data, FLOAT, offset, out, at, count);
      case F16 -> {
        for (int i = 0; i < count; i++) {
          out[at + i] = Float.float16ToFloat(data.get(SHORT, offset + 2L * i));
        }
      }
      case BF16 -> {
        for (int i = 0; i < count; i++) {
          out[at + i] = Float.intBitsToFloat(data.get(SHORT, offset + 2L * i) << 16);
        }
      }
      case Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q4_K, Q5_K, Q6_K -> {
        DType dtype = weights.dtype();
        for (int i = 0; i < count; i += dtype.blockWeights()) {
          Blocks.widen(dtype, data, offset, out, at + i);
          offset += dtype.blockBytes();
        }
      }
    }
  }

  /** All elements of a vector. */
  static float[] vector(TensorView weights) {
    float[] all = new float[weights.columns()];
    widen(weights, 0, 0, all, 0);
    return all;
  }
}
