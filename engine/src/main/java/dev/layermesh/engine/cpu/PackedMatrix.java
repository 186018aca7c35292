package dev.layermesh.engine.cpu;

import java.lang.foreign.MemorySegment;

/**
 * A weight laid out for SIMD, see {@link PackedFormat}; a group of rows is a part.
 *
 * @param name in the checkpoint
 * @param rows N; the last group is filled up with zeros
 * @param columns K
 * @param data groups one behind the other, native memory, aligned to 64
 */
record PackedMatrix(String name, PackedFormat format, int rows, int columns, MemorySegment data) implements Matrix {
  PackedMatrix {
    if (data.byteSize() != bytes(format, rows, columns)) {
      throw new IllegalArgumentException(name + ": " + data.byteSize() + " bytes for " + format + " [" + rows + ", "
          + columns + "]");
    }
  }

  /** {@code matrix} as a packed one. */
  static PackedMatrix of(Matrix matrix) {
    if (matrix instanceof PackedMatrix packed) {
      return packed;
    }
    throw new IllegalStateException(matrix.name() + " is not packed, these kernels read packed weights");
  }

  /** Byte at which a group begins. */
  long groupOffset(int group) {
    return group * format.groupBytes(columns);
  }

  /** Bytes of a packed matrix. */
  static long bytes(PackedFormat format, int rows, int columns) {
    return Math.ceilDiv(rows, PackedFormat.GROUP) * format.groupBytes(columns);
  }

  @Override
  public int parts() {
    return Math.ceilDiv(rows, PackedFormat.GROUP);
  }

  @Override
  public boolean takesQuants() {
    return format.blocks();
  }
}
