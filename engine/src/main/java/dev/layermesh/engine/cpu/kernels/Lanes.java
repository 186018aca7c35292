package dev.layermesh.engine.cpu.kernels;

import dev.layermesh.engine.packed.PackedFormat;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/**
 * Vectors of the machine's width. A logical vector has {@link PackedFormat#LANES} lanes; a machine of narrower vectors
 * makes several passes, each over some of the lanes.
 */
final class Lanes {
  static final VectorSpecies<Float> F = FloatVector.SPECIES_PREFERRED.length() > PackedFormat.LANES
      ? FloatVector.SPECIES_512
      : FloatVector.SPECIES_PREFERRED;
  static final VectorSpecies<Integer> I = F.withLanes(int.class);
  static final VectorSpecies<Short> S = F.withLanes(short.class);

  /** 8-bit numbers of as many lanes as F has, or more. */
  static final VectorSpecies<Byte> BYTES =
      VectorSpecies.of(byte.class, VectorShape.forBitSize(Math.max(64, F.vectorBitSize() / 4)));

  /** Lanes of F and I. */
  static final int STEP = F.length();

  private static final VectorSpecies<Short> HALVES =
      VectorSpecies.of(short.class, VectorShape.forBitSize(Math.max(64, F.vectorBitSize() / 2)));
  private static final ByteOrder LITTLE = ByteOrder.LITTLE_ENDIAN;

  private Lanes() {}

  static FloatVector floats(MemorySegment w, long offset) {
    return FloatVector.fromMemorySegment(F, w, offset, LITTLE);
  }

  static IntVector ints(MemorySegment w, long offset) {
    return IntVector.fromMemorySegment(I, w, offset, LITTLE);
  }

  static ShortVector shorts(MemorySegment w, long offset) {
    return ShortVector.fromMemorySegment(S, w, offset, LITTLE);
  }

  /** The bfloat16 in the lower half of every lane. */
  static FloatVector lower(IntVector pair) {
    return pair.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats();
  }

  /** The bfloat16 in the upper half of every lane. */
  static FloatVector upper(IntVector pair) {
    return pair.and(0xffff0000).reinterpretAsFloats();
  }

  /**
   * Numbers in binary16. Exponent and mantissa move to their places of binary32, then the bias of 127 takes the place
   * of 15 by an exact product, which also makes subnormal numbers normal. Infinities and NaN keep the largest exponent.
   */
  static FloatVector halves(MemorySegment w, long offset) {
    ShortVector narrow = ShortVector.fromMemorySegment(HALVES, w, offset, LITTLE);
    IntVector bits = (IntVector) narrow.convertShape(VectorOperators.S2I, I, 0);
    IntVector magnitude = bits.and(0x7fff).lanewise(VectorOperators.LSHL, 13);
    IntVector scaled = magnitude.reinterpretAsFloats().mul(0x1p112f).reinterpretAsInts();
    VectorMask<Integer> notFinite = magnitude.compare(VectorOperators.GE, 0x7c00 << 13);
    IntVector sign = bits.and(0x8000).lanewise(VectorOperators.LSHL, 16);
    return scaled.blend(magnitude.or(0xff << 23), notFinite).or(sign).reinterpretAsFloats();
  }

  /** The binary16 number in the upper half of every lane, finite as scales are; see {@link #halves}. */
  static FloatVector finite(IntVector upper) {
    IntVector magnitude = upper.and(0x7fff0000).lanewise(VectorOperators.LSHR, 3);
    IntVector scaled = magnitude.reinterpretAsFloats().mul(0x1p112f).reinterpretAsInts();
    return scaled.or(upper.and(0x80000000)).reinterpretAsFloats();
  }

  /** Weights of an even column: float32, or the lower ones of pairs. */
  static FloatVector even(boolean pairs, MemorySegment w, long o) {
    return pairs ? lower(ints(w, o)) : floats(w, o);
  }

  /** Weights of the odd column behind it. */
  static FloatVector odd(boolean pairs, MemorySegment w, long o) {
    return pairs ? upper(ints(w, o)) : floats(w, o + 4L * PackedFormat.GROUP);
  }

  /** Numbers at {@code offset} of the rows from {@code lane} on. */
  static FloatVector numbers(PackedFormat format, MemorySegment w, long offset, int lane) {
    if (format.wide()) {
      return floats(w, offset + 4L * lane);
    }
    IntVector both = ints(w, offset + 4L * (lane % PackedFormat.LANES));
    return finite(lane < PackedFormat.LANES ? both.lanewise(VectorOperators.LSHL, 16) : both);
  }

  /** The signed byte on top of every lane. */
  static FloatVector topByte(IntVector bytes) {
    return (FloatVector) bytes.lanewise(VectorOperators.ASHR, 24).convert(VectorOperators.I2F, 0);
  }

  /** The lowest four bits of every lane, less {@code above}. */
  static FloatVector lowNibble(IntVector nibbles, int above) {
    return (FloatVector) nibbles.and(15).sub(above).convert(VectorOperators.I2F, 0);
  }
}
