package dev.layermesh.benchmarks.kernels;

import dev.layermesh.engine.checkpoint.DType;
import dev.layermesh.engine.checkpoint.TensorView;
import dev.layermesh.engine.cpu.kernels.StoredFloats;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Random;

/** Random weights of any stored type. */
final class RandomWeights {
  private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final float SCALE = 0.02f; // the usual spread of weights

  private RandomWeights() {}

  static TensorView matrix(Random random, DType dtype, int rows, int columns) {
    byte[] bytes = new byte[Math.toIntExact(rows * dtype.rowBytes(columns))];
    MemorySegment data = MemorySegment.ofArray(bytes);
    random.nextBytes(bytes);
    for (int block = 0; block < bytes.length; block += dtype.blockBytes()) {
      float value = (float) random.nextGaussian() * SCALE;
      switch (dtype) {
        case F32 -> data.set(StoredFloats.FLOAT, block, value);
        case F16 -> data.set(SHORT, block, Float.floatToFloat16(value));
        case BF16 -> data.set(SHORT, block, (short) (Float.floatToRawIntBits(value) >>> 16));
        case Q8_0, Q4_0, Q5_0 -> data.set(SHORT, block, Float.floatToFloat16(value));
        case Q4_1, Q5_1, Q4_K, Q5_K -> {
          data.set(SHORT, block, Float.floatToFloat16(value));
          data.set(SHORT, block + 2, Float.floatToFloat16(-value));
        }
        case Q6_K -> data.set(SHORT, block + dtype.blockBytes() - 2, Float.floatToFloat16(value));
      }
    }
    return new TensorView(dtype.name(), dtype, new int[] {rows, columns}, data);
  }
}
