package dev.layermesh.engine.checkpoint;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Objects;

/**
 * A weight where it lies in its file: row-major, little-endian, read-only. The data may start at any byte, so readers
 * use the unaligned layouts of {@code ValueLayout}. Any thread may read it until the {@link Checkpoint} is closed.
 *
 * @param name in the checkpoint, for messages
 * @param dtype of every element
 * @param shape [columns] or [rows, columns]; not to be written to
 * @param data as many bytes as shape and dtype say; columns are whole blocks of the dtype
 * @param order where each row lies in the data
 */
public record TensorView(String name, DType dtype, int[] shape, MemorySegment data, RowOrder order) {
  public TensorView {
    Objects.requireNonNull(order, "order");
    if (shape.length < 1 || shape.length > 2 || !dtype.fits(shape[shape.length - 1])
        || data.byteSize() != bytes(dtype, shape)) {
      throw new IllegalStateException(
          name + ": " + data.byteSize() + " bytes for " + dtype + " " + Arrays.toString(shape));
    }
  }

  /** A weight whose rows lie as they are counted. */
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

  /** Elements of all rows. */
  public long elements() {
    return (long) rows() * columns();
  }

  /** Whether both are the same bytes of the same file, read in the same way. */
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
