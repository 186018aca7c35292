package dev.layermesh.engine.cpu;

import static dev.layermesh.engine.cpu.PackedFormat.GROUP;
import static dev.layermesh.engine.cpu.PackedFormat.LANES;

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
    long block = matrix.groupOffset(row / GROUP);
    for (int part = 0; part < view.columns() / PackedFormat.BLOCK; part++) {
      long into = block + row % GROUP / LANES * format.quantBytes() + 4L * (row % LANES);
      switch (view.dtype()) {
        case Q8_0, Q4_0, Q4_1 -> alike(view, row, part, matrix, block, into);
        default -> {
          quants.read(view, row, part);
          if (format.bits() == Byte.SIZE) {
            bytes(quants.quants(), matrix.data(), into);
          } else {
            nibbles(quants.quants(), matrix.data(), into);
          }
          numbers(quants, matrix, block, row);
        }
      }
      block += format.blockBytes();
    }
  }

  /** A block whose quants and numbers are stored as they are packed, in another order: four bytes at a time. */
  private static void alike(TensorView view, int row, int part, PackedMatrix matrix, long block, long into) {
    PackedFormat format = matrix.format();
    MemorySegment data = view.data();
    MemorySegment packed = matrix.data();
    int numberBytes = format.hasMinima() ? 4 : 2;
    long source = view.offset(row) + (long) part * view.dtype().blockBytes();
    for (int i = 0; i < view.dtype().blockBytes() - numberBytes; i += 4) {
      packed.set(INT, into + (long) LANES * i, data.get(INT, source + numberBytes + i));
    }
    packed.set(SHORT, half(block + format.scalesOffset(), row), data.get(SHORT, source));
    if (format.hasMinima()) {
      packed.set(SHORT, half(block + format.minimaOffset(), row), data.get(SHORT, source + 2));
    }
  }

  private static void bytes(int[] quants, MemorySegment packed, long into) {
    for (int k = 0; k < quants.length; k += 4) {
      int quad = 0;
      for (int i = 0; i < 4; i++) {
        quad |= (quants[k + i] & 255) << 8 * i;
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

  private static void numbers(Quants quants, PackedMatrix matrix, long block, int row) {
    PackedFormat format = matrix.format();
    number(quants.scale(), matrix, block + format.scalesOffset(), row);
    if (format.halves() > 1) {
      number(quants.lastScale(), matrix, block + format.scalesOffset() + 4L * GROUP, row);
    }
    if (format.hasMinima()) {
      number(quants.minimum(), matrix, block + format.minimaOffset(), row);
    }
  }

  private static void number(float value, PackedMatrix matrix, long numbers, int row) {
    if (matrix.format().wide()) {
      matrix.data().set(Elements.FLOAT, numbers + 4L * (row % GROUP), value);
    } else {
      matrix.data().set(SHORT, half(numbers, row), Float.floatToFloat16(value));
    }
  }

  /** Where a row's number in binary16 lies. */
  private static long half(long numbers, int row) {
    return numbers + 4L * (row % LANES) + row % GROUP / LANES * 2;
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
