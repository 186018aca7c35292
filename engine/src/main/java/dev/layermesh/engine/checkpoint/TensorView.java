package dev.layermesh.engine.checkpoint;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.Objects;

/**
 * A weight in its memory-mapped file: row-major, little-endian, read-only. The data may start at any byte, so readers
 * use the unaligned layouts of {@code ValueLayout}. Any thread may read it until the {@link Checkpoint} is closed.
 *
 * @param name in the checkpoint, for messages
 * @param dtype type of every element
 * @param shape [columns] or [rows, columns]; callers must not write to it
 * @param data bytes by shape and dtype; a row is whole blocks of the dtype
 * @param order the place of each row in the data
 */
public record TensorView(String name, DType dtype, int[] shape, MemorySegment data, RowOrder order) {
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  public TensorView {
    Objects.requireNonNull(order, "order");
    if (shape.length < 1 || shape.length > 2 || !dtype.fits(shape[shape.length - 1])
        || data.byteSize() != bytes(dtype, shape)) {
      throw new IllegalStateException(
          name + ": " + data.byteSize() + " bytes for " + dtype + " " + Arrays.toString(shape));
    }
  }

  /** A weight whose row r is stored as row r. */
  public TensorView(String name, DType dtype, int[] shape, MemorySegment data) {
    this(name, dtype, shape, data, RowOrder.AS_STORED);
  }

  private static long bytes(DType dtype, int[] shape) {
    long rows = shape.length == 1 ? 1 : shape[0];
    return Math.multiplyExact(rows, dtype.rowBytes(shape[shape.length - 1]));
  }

  /** Rows of a matrix; 1 for a vector. */
  public int rows() {
    return shape.length == 1 ? 1 : shape[0];
  }

  /** Elements of a row. */
  public int columns() {
    return shape[shape.length - 1];
  }

  /** Bytes of a row. */
  public long rowBytes() {
    return dtype.rowBytes(columns());
  }

  /** Byte of the data at which row {@code row}, as transformers counts them, begins. */
  public long offset(int row) {
    return order.stored(row) * rowBytes();
  }

  /**
   * Copies elements [from,columns) of a row to {@code out} as float32, the first one to {@code out[at]}. Conversions of
   * single elements are exact; a quantized weight is computed by the definition of its format, in float32 and in the
   * order of the definition. Kernels that read weights themselves are tested against this method.
   *
   * @param from the first element of a block; any element of an unquantized row
   */
  public void widen(int row, int from, float[] out, int at) {
    int count = columns() - from;
    long begin = offset(row) + dtype.rowBytes(from);
    switch (dtype) {
      case F32 -> MemorySegment.copy(data, FLOAT, begin, out, at, count);
      case F16 -> {
        for (int i = 0; i < count; i++) {
          out[at + i] = Float.float16ToFloat(data.get(SHORT, begin + 2L * i));
        }
      }
      case BF16 -> {
        for (int i = 0; i < count; i++) {
          out[at + i] = Float.intBitsToFloat(data.get(SHORT, begin + 2L * i) << 16);
        }
      }
      case Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q4_K, Q5_K, Q6_K -> {
        var quants = new Quants();
        for (int i = 0; i < count; i += Quants.COUNT) {
          quants.read(dtype, data, offset(row), (from + i) / Quants.COUNT);
          quants.widen(out, at + i);
        }
      }
    }
  }

  /** Elements of all rows. */
  public long elements() {
    return (long) rows() * columns();
  }

  /** Whether both are the same bytes of the same file with the same type, shape and order. */
  @Override
  public boolean equals(Object other) {
    return other instanceof TensorView that
        && name.equals(that.name)
        && dtype == that.dtype
        && Arrays.equals(shape, that.shape)
        && data.equals(that.data)
        && order.equals(that.order);
  }

  @Override
  public int hashCode() {
    return name.hashCode();
  }

  @Override
  public String toString() {
    return name + " " + dtype + " " + Arrays.toString(shape);
  }
}
