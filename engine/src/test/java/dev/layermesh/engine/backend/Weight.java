package dev.layermesh.engine.backend;

import dev.layermesh.engine.checkpoint.DType;
import dev.layermesh.engine.checkpoint.TensorView;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Random;

/** Made-up weights. They begin at an odd byte, as those of a safetensors file may. */
final class Weight {
  private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private Weight() {}

  /** Normal numbers of standard deviation {@code scale}, rounded to a dtype. */
  static TensorView random(Random random, DType dtype, double scale, int... shape) {
    int elements = shape.length == 1 ? shape[0] : shape[0] * shape[1];
    float[] values = new float[elements];
    for (int i = 0; i < elements; i++) {
      values[i] = (float) (random.nextGaussian() * scale);
    }
    return of(dtype, values, shape);
  }

  static TensorView of(DType dtype, float[] values, int... shape) {
    long bytes = (long) values.length * dtype.bytes();
    MemorySegment data = Arena.ofAuto().allocate(bytes + 1).asSlice(1);
    for (int i = 0; i < values.length; i++) {
      switch (dtype) {
        case F32 -> data.set(Elements.FLOAT, 4L * i, values[i]);
        case F16 -> data.set(SHORT, 2L * i, Float.floatToFloat16(values[i]));
        case BF16 -> data.set(SHORT, 2L * i, (short) (Float.floatToRawIntBits(values[i]) >>> 16));
      }
    }
    return new TensorView("random", dtype, shape, data);
  }

  /** Row {@code row} as float32. */
  static float[] row(TensorView weights, int row) {
    float[] values = new float[weights.columns()];
    Elements.widen(weights, row, 0, values, 0);
    return values;
  }
}
