package dev.layermesh.engine.cpu.kernels;

import static dev.layermesh.engine.cpu.kernels.Lanes.I;
import static dev.layermesh.engine.cpu.kernels.Lanes.S;

import dev.layermesh.engine.packed.PackedFormat;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;

/**
 * Sums of products of packed quants ({@link PackedFormat}) with those of a row ({@link Activations#pairs()}), a row of
 * the matrix in each lane: whole numbers, exact, as float32.
 */
final class QuantSums {
  private static final long QUAD_BYTES = 4L * PackedFormat.LANES;

  private QuantSums() {}

  /** Over {@code quads} quads of 8-bit quants. */
  static FloatVector ofQuads(MemorySegment w, long o, int quads, int[] pairs, int pair) {
    IntVector s = IntVector.zero(I);
    for (int j = 0; j < quads; j++) {
      s = addQuad(w, o + QUAD_BYTES * j, pairs, pair + 2 * j, s);
    }
    return (FloatVector) s.convert(VectorOperators.I2F, 0);
  }

  /**
   * {@code s} and the products of a quad of columns. Products of two 8-bit numbers fit 16 bits, and so does the sum of
   * two of them; a lane of 32 bits holds two such sums, which are added to it as 32-bit numbers.
   */
  private static IntVector addQuad(MemorySegment w, long o, int[] pairs, int pair, IntVector s) {
    ShortVector quad = Lanes.shorts(w, o);
    ShortVector even = quad.lanewise(VectorOperators.LSHL, 8).lanewise(VectorOperators.ASHR, 8);
    ShortVector odd = quad.lanewise(VectorOperators.ASHR, 8);
    return addPairs(s, even.mul(pair(pairs, pair)).add(odd.mul(pair(pairs, pair + 1))));
  }

  /** A pair of quants, seen by every lane. */
  private static ShortVector pair(int[] pairs, int index) {
    return IntVector.broadcast(I, pairs[index]).reinterpretAsShorts();
  }

  /**
   * Over a block of 4-bit quants, and {@code offset}. Sixteen products of a nibble and an 8-bit number fit 16 bits: a
   * block is summed there.
   */
  static FloatVector ofNibbles(MemorySegment w, long o, int[] pairs, int pair, IntVector offset) {
    ShortVector s = ShortVector.zero(S);
    for (int j = 0; j < PackedFormat.BLOCK / 8; j++) {
      ShortVector quad = Lanes.shorts(w, o + QUAD_BYTES * j);
      s = s.add(quad.and((short) 15).mul(pair(pairs, pair + 2 * j))); // columns 0 2 of the quad
      s = s.add(quad.lanewise(VectorOperators.LSHR, 4).and((short) 15).mul(pair(pairs, pair + 2 * j + 8))); // 16 18
      s = s.add(quad.lanewise(VectorOperators.LSHR, 8).and((short) 15).mul(pair(pairs, pair + 2 * j + 1))); // 1 3
      s = s.add(quad.lanewise(VectorOperators.LSHR, 12).mul(pair(pairs, pair + 2 * j + 9))); // 17 19
    }
    return (FloatVector) addPairs(offset, s).convert(VectorOperators.I2F, 0);
  }

  /** {@code s} plus both 16-bit numbers of every lane. */
  private static IntVector addPairs(IntVector s, ShortVector pairs) {
    IntVector both = pairs.reinterpretAsInts();
    IntVector low = both.lanewise(VectorOperators.LSHL, 16).lanewise(VectorOperators.ASHR, 16);
    return s.add(low).add(both.lanewise(VectorOperators.ASHR, 16));
  }
}
