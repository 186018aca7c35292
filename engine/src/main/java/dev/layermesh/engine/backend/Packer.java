package dev.layermesh.engine.backend;

import static dev.layermesh.engine.backend.PackedFormat.GROUP;

import dev.layermesh.engine.checkpoint.TensorView;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/** Writes weights as {@link PackedFormat} says. Groups of a matrix may be packed by several threads at once. */
final class Packer {
  private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private Packer() {}

  /** What a stored type becomes. */
  static PackedFormat format(TensorView view) {
    return switch (view.dtype()) {
      case F32 -> PackedFormat.F32;
      case F16 -> PackedFormat.F16;
      case BF16 -> PackedFormat.BF16;
    };
  }

  /** Bytes that a weight takes when packed. */
  static long bytes(TensorView view) {
    return PackedMatrix.bytes(format(view), view.rows(), view.columns());
  }

  /** Packs groups [from,to) of {@code view} into {@code matrix}, whose memory is zero. */
  static void pack(TensorView view, PackedMatrix matrix, int from, int to) {
    for (int group = from; group < to; group++) {
      int rows = Math.min(GROUP, view.rows() - group * GROUP);
      for (int lane = 0; lane < rows; lane++) {
        long source = Elements.offset(view, group * GROUP + lane);
        switch (matrix.format()) {
          case F32 -> ints(view, source, matrix, group, lane);
          case F16 -> shorts(view, source, matrix, group, lane);
          case BF16 -> pairsOfShorts(view, source, matrix, group, lane);
          default -> throw new IllegalStateException(matrix.format() + " of " + view);
        }
      }
    }
  }

  private static void ints(TensorView view, long source, PackedMatrix matrix, int group, int lane) {
    MemorySegment data = view.data();
    MemorySegment packed = matrix.data();
    long into = matrix.groupOffset(group) + 4L * lane;
    for (int k = 0; k < view.columns(); k++) {
      packed.set(INT, into + 4L * GROUP * k, data.get(INT, source + 4L * k));
    }
  }

  private static void shorts(TensorView view, long source, PackedMatrix matrix, int group, int lane) {
    MemorySegment data = view.data();
    MemorySegment packed = matrix.data();
    long into = matrix.groupOffset(group) + 2L * lane;
    for (int k = 0; k < view.columns(); k++) {
      packed.set(SHORT, into + 2L * GROUP * k, data.get(SHORT, source + 2L * k));
    }
  }

  private static void pairsOfShorts(TensorView view, long source, PackedMatrix matrix, int group, int lane) {
    MemorySegment data = view.data();
    MemorySegment packed = matrix.data();
    long into = matrix.groupOffset(group) + 4L * lane;
    int even = view.columns() - view.columns() % 2;
    for (int k = 0; k < even; k += 2) {
      packed.set(INT, into + 2L * GROUP * k, data.get(INT, source + 2L * k));
    }
    if (even < view.columns()) {
      packed.set(SHORT, into + 2L * GROUP * even, data.get(SHORT, source + 2L * even));
    }
  }
}
