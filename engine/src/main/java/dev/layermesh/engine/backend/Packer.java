package dev.layermesh.engine.backend;

import static dev.layermesh.engine.backend.PackedFormat.GROUP;
import static dev.layermesh.engine.backend.PackedFormat.LANES;

import dev.layermesh.engine.checkpoint.DType;
import dev.layermesh.engine.checkpoint.Quants;
import dev.layermesh.engine.checkpoint.TensorView;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/** Writes weights as {@link PackedFormat} says. Groups of a matrix may be packed by several threads at once. */
final class Packer {
  private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private Packer() {}

  /** What a stored type becomes. Nothing is rounded: an element stays what it was. */
  static PackedFormat format(TensorView view) {
    return switch (view.dtype()) {
      case F32 -> PackedFormat.F32;
      case F16 -> PackedFormat.F16;
      case BF16 -> PackedFormat.BF16;
      case Q8_0, Q5_0 -> PackedFormat.Q8;
      case Q4_0 -> PackedFormat.Q4;
      case Q5_1 -> PackedFormat.Q8_MIN;
      case Q4_1 -> PackedFormat.Q4_MIN;
      case Q5_K -> PackedFormat.Q8_WIDE_MIN;
      case Q4_K -> PackedFormat.Q4_WIDE_MIN;
      case Q6_K -> PackedFormat.Q8_HALVES;
    };
  }

  /** Bytes that a weight takes when packed. */
  static long bytes(TensorView view) {
    return PackedMatrix.bytes(format(view), view.rows(), view.columns());
  }

  /** Packs groups [from,to) of {@code view} into {@code matrix}, whose memory is zero. */
  static void pack(TensorView view, PackedMatrix matrix, int from, int to) {
    var quants = new Quants();
    for (int row = from * GROUP; row < Math.min(to * GROUP, view.rows()); row++) {
      switch (matrix.format()) {
        case F32 -> ints(view, row, matrix);
        case F16 -> shorts(view, row, matrix);
        case BF16 -> pairsOfShorts(view, row, matrix);
        default -> blocks(view, row, matrix, quants);
      }
    }
  }

  private static void blocks(TensorView view, int row, PackedMatrix matrix, Quants quants) {
    PackedFormat format = matrix.format();
    int vector = row % GROUP / LANES * LANES;
    int lane = row % LANES;
    long block = matrix.groupOffset(row / GROUP);
    for (int part = 0; part < view.columns() / PackedFormat.BLOCK; part++) {
      long into = block + (vector == 0 ? 0 : format.quantBytes()) + 4L * lane;
      long numbers = block + format.numbersOffset(vector);
      switch (view.dtype()) {
        case Q8_0, Q4_0, Q4_1 -> alike(view, row, part, matrix, into, numbers + 2L * lane);
        default -> {
          quants.read(view, row, part);
          if (format.bits() == Byte.SIZE) {
            bytes(quants.quants(), format.hasMinima() ? 0 : 128, matrix.data(), into);
          } else {
            nibbles(quants.quants(), matrix.data(), into);
          }
          numbers(quants, format, matrix.data(), numbers, lane);
        }
      }
      block += format.blockBytes();
    }
  }

  /** A block whose quants and numbers are stored as they are packed, in another order: four bytes at a time. */
  private static void alike(TensorView view, int row, int part, PackedMatrix matrix, long into, long numbers) {
    MemorySegment data = view.data();
    MemorySegment packed = matrix.data();
    int numberBytes = matrix.format().hasMinima() ? 4 : 2;
    long source = view.offset(row) + (long) part * view.dtype().blockBytes();
    int signs = view.dtype() == DType.Q8_0 ? 0x80808080 : 0; // what a signed byte differs in from one that stands 128 up
    for (int i = 0; i < view.dtype().blockBytes() - numberBytes; i += 4) {
      packed.set(INT, into + (long) LANES * i, data.get(INT, source + numberBytes + i) ^ signs);
    }
    packed.set(SHORT, numbers, data.get(SHORT, source));
    if (matrix.format().hasMinima()) {
      packed.set(SHORT, numbers + 2L * LANES, data.get(SHORT, source + 2));
    }
  }

  private static void bytes(int[] quants, int offset, MemorySegment packed, long into) {
    for (int k = 0; k < quants.length; k += 4) {
      int quad = 0;
      for (int i = 0; i < 4; i++) {
        quad |= (quants[k + i] + offset & 255) << 8 * i;
      }
      packed.set(INT, into + (long) LANES * k, quad);
    }
  }

  private static void nibbles(int[] quants, MemorySegment packed, long into) {
    for (int k = 0; k < quants.length / 2; k += 4) {
      int quad = 0;
      for (int i = 0; i < 4; i++) {
        quad |= (quants[k + i] | quants[k + i + quants.length / 2] << 4) << 8 * i;
      }
      packed.set(INT, into + (long) LANES * k, quad);
    }
  }

  private static void numbers(Quants quants, PackedFormat format, MemorySegment packed, long into, int lane) {
    if (format.wide()) {
      packed.set(Elements.FLOAT, into + 4L * lane, quants.scale());
      if (format.halves() > 1) {
        packed.set(Elements.FLOAT, into + 4L * (LANES + lane), quants.lastScale());
      } else {
        packed.set(Elements.FLOAT, into + 4L * (LANES + lane), quants.minimum());
      }
    } else {
      packed.set(SHORT, into + 2L * lane, Float.floatToFloat16(quants.scale()));
      if (format.hasMinima()) {
        packed.set(SHORT, into + 2L * (LANES + lane), Float.floatToFloat16(quants.minimum()));
      }
    }
  }

  private static void ints(TensorView view, int row, PackedMatrix matrix) {
    long source = view.offset(row);
    MemorySegment data = view.data();
    MemorySegment packed = matrix.data();
    long into = matrix.groupOffset(row / GROUP) + 4L * (row % GROUP);
    for (int k = 0; k < view.columns(); k++) {
      packed.set(INT, into + 4L * GROUP * k, data.get(INT, source + 4L * k));
    }
  }

  private static void shorts(TensorView view, int row, PackedMatrix matrix) {
    long source = view.offset(row);
    MemorySegment data = view.data();
    MemorySegment packed = matrix.data();
    long into = matrix.groupOffset(row / GROUP) + 2L * (row % GROUP);
    for (int k = 0; k < view.columns(); k++) {
      packed.set(SHORT, into + 2L * GROUP * k, data.get(SHORT, source + 2L * k));
    }
  }

  private static void pairsOfShorts(TensorView view, int row, PackedMatrix matrix) {
    long source = view.offset(row);
    MemorySegment data = view.data();
    MemorySegment packed = matrix.data();
    long into = matrix.groupOffset(row / GROUP) + 4L * (row % GROUP);
    int even = view.columns() - view.columns() % 2;
    for (int k = 0; k < even; k += 2) {
      packed.set(INT, into + 2L * GROUP * k, data.get(INT, source + 2L * k));
    }
    if (even < view.columns()) {
      packed.set(SHORT, into + 2L * GROUP * even, data.get(SHORT, source + 2L * even));
    }
  }
}
