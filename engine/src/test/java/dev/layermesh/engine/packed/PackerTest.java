package dev.layermesh.engine.packed;

import static org.assertj.core.api.Assertions.assertThat;

import dev.layermesh.engine.backend.Weight;
import dev.layermesh.engine.checkpoint.DType;
import dev.layermesh.engine.checkpoint.RowOrder;
import dev.layermesh.engine.checkpoint.TensorView;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Packed weights, read back element by element in the layout of {@link PackedFormat}. */
@Timeout(60)
class PackerTest {
  private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final Random random = new Random(17);

  @ParameterizedTest
  @EnumSource
  void shouldKeepEveryWeightAsItIs(DType dtype) {
    for (int rows : new int[] {1, 16, 17, 50, 64}) {
      for (int columns : dtype.quantized() ? new int[] {256, 512} : new int[] {1, 2, 13, 64}) {
        assertPacked(Weight.matrix(random, dtype, rows, columns));
      }
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"F32", "F16", "BF16"}, mode = EnumSource.Mode.EXCLUDE)
  void shouldTakeRowsInTheOrderOfTransformers(DType dtype) {
    assertPacked(Weight.blocks(random, dtype, new RowOrder.InterleavedPairs(6), 36, 256));
  }

  /** Zeros, subnormal numbers and infinities as well. */
  @Test
  void shouldKeepEveryHalfPrecisionNumber() {
    float[] all = new float[1 << 16];
    for (int bits = 0; bits < all.length; bits++) {
      all[bits] = Float.float16ToFloat((short) bits);
    }
    assertPacked(Weight.of(DType.F16, all, 256, 256));
  }

  @Test
  void shouldPackGroupsApart() {
    TensorView view = Weight.matrix(random, DType.Q4_1, 70, 64);
    MemorySegment whole = packed(view).data();
    MemorySegment parts = dirty(whole.byteSize());
    long groupBytes = Packer.format(view).groupBytes(64);
    Packer.pack(view, 2, 3, parts.asSlice(2 * groupBytes));
    Packer.pack(view, 0, 2, parts);
    assertThat(parts.mismatch(whole)).isEqualTo(-1);
  }

  /** A buffer that a device is fed from is used again and again. */
  @ParameterizedTest
  @EnumSource
  void shouldWriteEveryByteOfABufferThatWasUsedBefore(DType dtype) {
    TensorView view = Weight.matrix(random, dtype, 40, dtype.quantized() ? 256 : 13);
    MemorySegment heap = dirty(Packer.bytes(view));
    Packer.pack(view, 0, Packer.groups(view), heap);
    assertThat(heap.mismatch(packed(view).data())).isEqualTo(-1);
  }

  private static MemorySegment dirty(long bytes) {
    return MemorySegment.ofArray(new byte[Math.toIntExact(bytes)]).fill((byte) 0xa5);
  }

  /** A packed weight. */
  private record Packed(PackedFormat format, int columns, MemorySegment data) {}

  private static Packed packed(TensorView view) {
    MemorySegment data = Arena.ofAuto().allocate(Packer.bytes(view), 64);
    Packer.pack(view, 0, Packer.groups(view), data);
    return new Packed(Packer.format(view), view.columns(), data);
  }

  /** Every element is what {@link TensorView#widen} says, and rows that fill up the last group are zeros. */
  private static void assertPacked(TensorView view) {
    Packed packed = packed(view);
    for (int row = 0; row < Packer.groups(view) * PackedFormat.GROUP; row++) {
      float[] actual = new float[view.columns()];
      for (int k = 0; k < actual.length; k++) {
        actual[k] = element(packed, row, k);
      }
      if (row < view.rows()) {
        assertThat(actual).as("%s, row %d", view, row).isEqualTo(Weight.row(view, row));
      } else {
        assertThat(packed.format().blocks() || isZero(actual)).isTrue();
      }
    }
  }

  private static boolean isZero(float[] values) {
    for (float value : values) {
      if (value != 0) {
        return false;
      }
    }
    return true;
  }

  /** Element k of a row, by the layout in the comment of {@link PackedFormat} alone. */
  private static float element(Packed w, int row, int k) {
    MemorySegment data = w.data();
    int inGroup = row % 32;
    long columns = w.columns() + w.columns() % 2;
    return switch (w.format()) {
      case F32 -> data.get(FLOAT, 4 * (row / 32 * columns * 32 + 32L * k + inGroup));
      case F16 -> half(data, 2 * (row / 32 * columns * 32 + 32L * k + inGroup));
      case BF16 -> Float.intBitsToFloat(
          data.get(SHORT, 2 * (row / 32 * columns * 32 + (k / 2 * 32L + inGroup) * 2 + k % 2)) << 16);
      case Q8 -> block(w, row, k, 512, 32, 0);
      case Q4 -> block(w, row, k, 256, 32, 8);
      case Q8_MIN -> block(w, row, k, 512, 64, 0);
      case Q4_MIN -> block(w, row, k, 256, 64, 0);
      case Q8_WIDE_MIN, Q8_HALVES -> block(w, row, k, 512, 128, 0);
      case Q4_WIDE_MIN -> block(w, row, k, 256, 128, 0);
    };
  }

  /**
   * An element in blocks.
   *
   * @param quantBytes of 16 rows
   * @param numberBytes of 16 rows
   * @param above how far above its quant a nibble stands
   */
  private static float block(Packed w, int row, int k, int quantBytes, int numberBytes, int above) {
    MemorySegment data = w.data();
    int vector = row % 32 / 16;
    int lane = row % 16;
    int column = k % 32;
    long block = ((long) row / 32 * (w.columns() / 32) + k / 32) * 2 * (quantBytes + numberBytes);
    long quants = block + (long) vector * quantBytes;
    long numbers = block + 2L * quantBytes;
    int stored = quantBytes == 512
        ? data.get(ValueLayout.JAVA_BYTE, quants + column / 4 * 64 + lane * 4 + column % 4)
        : data.get(ValueLayout.JAVA_BYTE, quants + column % 16 / 4 * 64 + lane * 4 + column % 4)
            >> column / 16 * 4 & 15;
    int quant = stored - above;
    return switch (numberBytes) {
      case 32 -> half(data, numbers + 4 * lane + 2 * vector) * quant;
      case 64 -> half(data, numbers + 4 * lane + 2 * vector) * quant + half(data, numbers + 64 + 4 * lane + 2 * vector);
      default -> {
        float first = data.get(FLOAT, numbers + 4 * (row % 32));
        float second = data.get(FLOAT, numbers + 128 + 4 * (row % 32));
        yield w.format() == PackedFormat.Q8_HALVES ? (column < 16 ? first : second) * quant : first * quant + second;
      }
    };
  }

  private static float half(MemorySegment data, long offset) {
    return Float.float16ToFloat(data.get(SHORT, offset));
  }
}
