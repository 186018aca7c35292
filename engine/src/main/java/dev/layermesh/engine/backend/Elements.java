package dev.layermesh.engine.backend;

import dev.layermesh.engine.checkpoint.TensorView;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/** Elements of weights as float32; every conversion is exact. */
final class Elements {
  static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private Elements() {}

  /** Byte at which {@code row} begins. */
  static long offset(TensorView weights, int row) {
    return (long) row * weights.columns() * weights.dtype().bytes();
  }

  /** Copies elements [from,columns) of a row to {@code out}, the first one to {@code out[at]}. */
  static void widen(TensorView weights, int row, int from, float[] out, int at) {
    MemorySegment data = weights.data();
    int count = weights.columns() - from;
    long offset = offset(weights, row) + (long) from * weights.dtype().bytes();
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
    }
  }

  /** All elements of a vector. */
  static float[] vector(TensorView weights) {
    float[] all = new float[weights.columns()];
    widen(weights, 0, 0, all, 0);
    return all;
  }

}
