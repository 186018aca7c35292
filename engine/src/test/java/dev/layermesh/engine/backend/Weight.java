package dev.layermesh.engine.backend;

import dev.layermesh.engine.checkpoint.DType;
import dev.layermesh.engine.checkpoint.RowOrder;
import dev.layermesh.engine.checkpoint.TensorView;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Random;

/** Random weights. They begin at an odd byte, as those of a safetensors file may. */
public final class Weight {
  private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private Weight() {}

  /** Normal numbers of standard deviation {@code scale}, rounded to a dtype. */
  public static TensorView random(Random random, DType dtype, double scale, int... shape) {
    int elements = shape.length == 1 ? shape[0] : shape[0] * shape[1];
    float[] values = new float[elements];
    for (int i = 0; i < elements; i++) {
      values[i] = (float) (random.nextGaussian() * scale);
    }
    return of(dtype, values, shape);
  }

  public static TensorView of(DType dtype, float[] values, int... shape) {
    long bytes = dtype.rowBytes(values.length);
    MemorySegment data = Arena.ofAuto().allocate(bytes + 1).asSlice(1);
    for (int i = 0; i < values.length; i++) {
      switch (dtype) {
        case F32 -> data.set(FLOAT, 4L * i, values[i]);
        case F16 -> data.set(SHORT, 2L * i, Float.floatToFloat16(values[i]));
        case BF16 -> data.set(SHORT, 2L * i, (short) (Float.floatToRawIntBits(values[i]) >>> 16));
        case Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q4_K, Q5_K, Q6_K ->
            throw new IllegalArgumentException("use blocks: " + dtype);
      }
    }
    return new TensorView("random", dtype, shape, data);
  }

  /** Random weights of any dtype: {@link #random} numbers or {@link #blocks}. */
  public static TensorView matrix(Random random, DType dtype, int rows, int columns) {
    return dtype.quantized()
        ? blocks(random, dtype, RowOrder.AS_STORED, rows, columns)
        : random(random, dtype, 1, rows, columns);
  }

  /** Random blocks of a quantized dtype, with weights of about a tenth. */
  public static TensorView blocks(Random random, DType dtype, RowOrder order, int rows, int columns) {
    byte[] bytes = new byte[Math.toIntExact(rows * dtype.rowBytes(columns))];
    random.nextBytes(bytes);
    MemorySegment data = MemorySegment.ofArray(bytes);
    double deviation = 0.1 / steps(dtype);
    for (int block = 0; block < bytes.length; block += dtype.blockBytes()) {
      for (int at : halves(dtype)) {
        data.set(SHORT, block + at, Float.floatToFloat16((float) (random.nextGaussian() * deviation)));
      }
    }
    return new TensorView("random", dtype, new int[] {rows, columns}, data, order);
  }

  /** What random bits typically multiply a block's scale of 16 bits by. */
  private static int steps(DType dtype) {
    return switch (dtype) {
      case Q8_0 -> 64;
      case Q4_0, Q4_1 -> 4;
      case Q5_0, Q5_1 -> 8;
      case Q4_K -> 32 * 4;
      case Q5_K -> 32 * 8;
      case Q6_K -> 64 * 16;
      case F32, F16, BF16 -> throw new IllegalArgumentException(dtype + " has no blocks");
    };
  }

  /** The offsets of a block's 16-bit scales. */
  private static int[] halves(DType dtype) {
    return switch (dtype) {
      case Q8_0, Q4_0, Q5_0 -> new int[] {0};
      case Q4_1, Q5_1, Q4_K, Q5_K -> new int[] {0, 2};
      case Q6_K -> new int[] {208};
      case F32, F16, BF16 -> throw new IllegalArgumentException(dtype + " has no blocks");
    };
  }

  /** Row {@code row} as float32. */
  public static float[] row(TensorView weights, int row) {
    float[] values = new float[weights.columns()];
    weights.widen(row, 0, values, 0);
    return values;
  }
}
