package dev.layermesh.engine.checkpoint;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * A weight where it lies in its file: row-major, little-endian, read-only. The data may start at any byte, so readers
 * use the unaligned layouts of {@code ValueLayout}. Any thread may read it until the {@link Checkpoint} is closed.
 *
 * @param name in the checkpoint, for messages
 * @param dtype of every element
 * @param shape [columns] or [rows, columns]; not to be written to
 * @param data as many bytes as shape and dtype say
 */
public record TensorView(String name, DType dtype, int[] shape, MemorySegment data) {
  public TensorView {
    long bytes = Arrays.stream(shape).asLongStream().reduce(dtype.bytes(), Math::multiplyExact);
    if (shape.length < 1 || shape.length > 2 || data.byteSize() != bytes) {
      throw new IllegalStateException(
          name + ": " + data.byteSize() + " bytes for " + dtype + " " + Arrays.toString(shape));
    }
  }

  /** Rows of a matrix; 1 for a vector. */
  public int rows() {
    return shape.length == 1 ? 1 : shape[0];
  }

  /** Elements of a row. */
  public int columns() {
    return shape[shape.length - 1];
  }

  /** Whether both are the same bytes of the same file, read in the same way. */
  @Override
  public boolean equals(Object other) {
    return other instanceof TensorView that
        && name.equals(that.name)
        && dtype == that.dtype
        && Arrays.equals(shape, that.shape)
        && data.equals(that.data);
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
