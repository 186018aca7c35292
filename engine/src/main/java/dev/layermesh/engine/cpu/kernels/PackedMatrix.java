package dev.layermesh.engine.cpu.kernels;

import dev.layermesh.engine.packed.PackedFormat;
import java.lang.foreign.MemorySegment;

/**
 * A weight laid out for SIMD, see {@link PackedFormat}; a group of rows is a part.
 *
 * @param name in the checkpoint
 * @param rows N; the last group is filled up with zeros
 * @param columns K
 * @param data groups one behind the other, native memory, aligned to 64
 */
public record PackedMatrix(String name, PackedFormat format, int rows, int columns, MemorySegment data)
    implements Matrix {
  public PackedMatrix {
    if (data.byteSize() != format.bytes(rows, columns)) {
      throw new IllegalArgumentException(name + ": " + data.byteSize() + " bytes for " + format + " [" + rows + ", "
          + columns + "]");
    }
  }

  /** {@code matrix} as a packed one. */
  public static PackedMatrix of(Matrix matrix) {
    if (matrix instanceof PackedMatrix packed) {
      return packed;
    }
    throw new IllegalStateException(matrix.name() + " is not packed, these kernels read packed weights");
  }

  /** Memory of groups [from,to). */
  public MemorySegment groups(int from, int to) {
    return data.asSlice(groupOffset(from), groupOffset(to) - groupOffset(from));
  }

  /** Byte at which a group begins. */
  public long groupOffset(int group) {
    return group * format.groupBytes(columns);
  }

  @Override
  public int parts() {
    return PackedFormat.groups(rows);
  }

  @Override
  public boolean takesQuants() {
    return format.blocks();
  }
}
