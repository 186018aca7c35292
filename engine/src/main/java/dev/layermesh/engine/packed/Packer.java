package dev.layermesh.engine.packed;

import static dev.layermesh.engine.packed.PackedFormat.GROUP;
import static dev.layermesh.engine.packed.PackedFormat.LANES;

import dev.layermesh.engine.checkpoint.Quants;
import dev.layermesh.engine.checkpoint.TensorView;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * Writes weights as {@link PackedFormat} says, some groups of rows at a time, into memory of any kind: a backend packs
 * for kernels of its own, or into a buffer that it uploads to a device. Thread-safe: several threads may pack groups of
 * one matrix.
 */
public final class Packer {
  private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private Packer() {}

  /** The format that a stored type is packed to. It keeps every element as it is, without rounding. */
  public static PackedFormat format(TensorView view) {
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

  /** Groups of rows that a weight has; the last one may be filled up with rows of zeros. */
  public static int groups(TensorView view) {
    return PackedFormat.groups(view.rows());
  }

  /** Bytes that a weight takes when packed. */
  public static long bytes(TensorView view) {
    return format(view).bytes(view.rows(), view.columns());
  }

  /**
   * Packs groups [from,to) of a weight.
   *
   * @param into receives the groups one after the other from its first byte on; every byte of them is written
   */
  public static void pack(TensorView view, int from, int to, MemorySegment into) {
    PackedFormat format = format(view);
    long groupBytes = format.groupBytes(view.columns());
    var quants = new Quants();
    for (int group = from; group < to; group++) {
      MemorySegment packed = into.asSlice((group - from) * groupBytes, groupBytes);
      int last = Math.min((group + 1) * GROUP, view.rows());
      if (last < (group + 1) * GROUP || view.columns() % 2 != 0) {
        packed.fill((byte) 0); // rows and columns that the weight does not have
      }
      for (int row = group * GROUP; row < last; row++) {
        switch (format) {
          case F32 -> ints(view, row, packed);
          case F16 -> shorts(view, row, packed);
          case BF16 -> pairsOfShorts(view, row, packed);
          case Q8, Q4, Q8_MIN, Q4_MIN, Q8_WIDE_MIN, Q4_WIDE_MIN, Q8_HALVES ->
              blocks(view, row, format, packed, quants);
        }
      }
    }
  }

  private static void blocks(TensorView view, int row, PackedFormat format, MemorySegment packed, Quants quants) {
    long block = 0;
    for (int part = 0; part < view.columns() / PackedFormat.BLOCK; part++) {
      long into = block + row % GROUP / LANES * format.quantBytes() + 4L * (row % LANES);
      switch (view.dtype()) {
        case Q8_0, Q4_0, Q4_1 -> alike(view, row, part, format, packed, block, into);
        default -> {
          quants.read(view.dtype(), view.data(), view.offset(row), part);
          if (format.bits() == Byte.SIZE) {
            bytes(quants.quants(), packed, into);
          } else {
            nibbles(quants.quants(), packed, into);
          }
          numbers(quants, format, packed, block, row);
        }
      }
      block += format.blockBytes();
    }
  }

  /** A block whose quants and numbers are stored as they are packed, in another order: four bytes at a time. */
  private static void alike(
      TensorView view, int row, int part, PackedFormat format, MemorySegment packed, long block, long into) {
    MemorySegment data = view.data();
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

  private static void numbers(Quants quants, PackedFormat format, MemorySegment packed, long block, int row) {
    number(quants.scale(), format, packed, block + format.scalesOffset(), row);
    if (format.halves() > 1) {
      number(quants.lastScale(), format, packed, block + format.scalesOffset() + 4L * GROUP, row);
    }
    if (format.hasMinima()) {
      number(quants.minimum(), format, packed, block + format.minimaOffset(), row);
    }
  }

  private static void number(float value, PackedFormat format, MemorySegment packed, long numbers, int row) {
    if (format.wide()) {
      packed.set(FLOAT, numbers + 4L * (row % GROUP), value);
    } else {
      packed.set(SHORT, half(numbers, row), Float.floatToFloat16(value));
    }
  }

  /** Where a row's number in binary16 lies. */
  private static long half(long numbers, int row) {
    return numbers + 4L * (row % LANES) + row % GROUP / LANES * 2;
  }

  private static void ints(TensorView view, int row, MemorySegment packed) {
    long source = view.offset(row);
    MemorySegment data = view.data();
    long into = 4L * (row % GROUP);
    for (int k = 0; k < view.columns(); k++) {
      packed.set(INT, into + 4L * GROUP * k, data.get(INT, source + 4L * k));
    }
  }

  private static void shorts(TensorView view, int row, MemorySegment packed) {
    long source = view.offset(row);
    MemorySegment data = view.data();
    long into = 2L * (row % GROUP);
    for (int k = 0; k < view.columns(); k++) {
      packed.set(SHORT, into + 2L * GROUP * k, data.get(SHORT, source + 2L * k));
    }
  }

  private static void pairsOfShorts(TensorView view, int row, MemorySegment packed) {
    long source = view.offset(row);
    MemorySegment data = view.data();
    long into = 4L * (row % GROUP);
    int even = view.columns() - view.columns() % 2;
    for (int k = 0; k < even; k += 2) {
      packed.set(INT, into + 2L * GROUP * k, data.get(INT, source + 2L * k));
    }
    if (even < view.columns()) {
      packed.set(SHORT, into + 2L * GROUP * even, data.get(SHORT, source + 2L * even));
    }
  }
}
