package dev.layermesh.engine.backend;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import java.util.Arrays;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/**
 * SIMD kernels with the same bits on every width. A vector has 16 logical lanes; a machine of narrower vectors makes
 * several passes, each over some of the lanes. In a product a lane is a row of the matrix ({@link PackedFormat}), so a
 * sum stays in its lane and is taken in the order of the columns: in blocks, an exact integer sum of 8-bit products,
 * then by fused multiply-add over blocks; in floating point, even and odd columns apart, added at the end. Where lanes
 * must meet they are folded in halves: {@code reduceLanes} is of no use for sums, its order is not specified.
 *
 * <p>The C kernels take the same steps in the same order and agree with these to the last bit.
 */
final class VectorKernels implements Kernels {
  private static final int LANES = PackedFormat.LANES; // of a logical vector: one 512-bit register
  private static final int GROUP = PackedFormat.GROUP;
  private static final int BLOCK = PackedFormat.BLOCK;
  private static final int STRETCH = 32; // blocks whose integer sums wait for their scales
  private static final int ROWS = 4; // of x that share each load of floating-point weights
  private static final VectorSpecies<Float> F = FloatVector.SPECIES_PREFERRED.length() > LANES
      ? FloatVector.SPECIES_512
      : FloatVector.SPECIES_PREFERRED;
  private static final VectorSpecies<Integer> I = F.withLanes(int.class);
  private static final VectorSpecies<Short> S = F.withLanes(short.class);
  private static final VectorSpecies<Short> HALVES =
      VectorSpecies.of(short.class, VectorShape.forBitSize(Math.max(64, F.vectorBitSize() / 2)));
  private static final VectorSpecies<Byte> BYTES =
      VectorSpecies.of(byte.class, VectorShape.forBitSize(Math.max(64, F.vectorBitSize() / 4)));
  private static final int STEP = F.length();
  private static final float ROUNDING = 0x1.8p23f; // added and taken off again, rounds to a whole number
  private static final int ROUNDING_BITS = Float.floatToRawIntBits(ROUNDING);
  private static final ByteOrder LITTLE = ByteOrder.LITTLE_ENDIAN;

  private final Kernels plain = new ScalarKernels(); // for verbs that the compiler vectorizes by itself
  private final int[] whole = new int[2 * STRETCH * GROUP]; // integer sums of a stretch of blocks, or of their halves
  private final float[] sums = new float[GROUP];
  private final float[] lanes = new float[LANES];
  private MemorySegment widened = MemorySegment.NULL; // [K, 32], a group of binary16 weights as float32
  private int[] pairs = {}; // [T, K/2]: the quants of a quad of columns as two pairs of 16-bit numbers, 0 2 and 1 3
  private final Floats scoreRows = new Floats(); // [heads, positions]
  private final Floats totals = new Floats(); // [heads]
  private final Floats wide = new Floats(); // keys or values of a page

  @Override
  public String name() {
    return PackedFormat.FAMILY;
  }

  @Override
  public void matmul(Matrix w, int from, int to, Activations x, Floats out) {
    PackedMatrix packed = PackedMatrix.of(w);
    if (packed.takesQuants()) {
      spreadPairs(x);
    }
    float[] products = out.array();
    for (int group = from; group < to; group++) {
      switch (packed.format()) {
        case F32 -> floats(packed.data(), packed.groupOffset(group), packed, group, x, products);
        case F16 -> floats(widened(packed, group), 0, packed, group, x, products);
        case BF16 -> bfloats(packed, group, x, products);
        default -> blocks(packed, group, x, products);
      }
    }
  }

  private void floats(MemorySegment w, long base, PackedMatrix matrix, int group, Activations x, float[] out) {
    int t = 0;
    for (; t + ROWS <= x.rows(); t += ROWS) {
      fourRowsOfFloats(w, base, matrix, group, x, t, out);
    }
    for (; t < x.rows(); t++) {
      rowOfFloats(w, base, matrix, group, x, t, out);
    }
  }

  private void rowOfFloats(
      MemorySegment w, long base, PackedMatrix matrix, int group, Activations x, int t, float[] out) {
    int inner = matrix.columns();
    float[] xs = x.values().array();
    int at = t * inner;
    for (int lane = 0; lane < GROUP; lane += STEP) {
      FloatVector even = FloatVector.zero(F);
      FloatVector odd = even;
      long o = base + (long) Float.BYTES * lane;
      for (int k = 0; k + 1 < inner; k += 2) {
        even = floats(w, o).fma(FloatVector.broadcast(F, xs[at + k]), even);
        odd = floats(w, o + Float.BYTES * GROUP).fma(FloatVector.broadcast(F, xs[at + k + 1]), odd);
        o += 2 * Float.BYTES * GROUP;
      }
      if (inner % 2 == 1) {
        even = floats(w, o).fma(FloatVector.broadcast(F, xs[at + inner - 1]), even);
      }
      put(even.add(odd), lane, matrix, group, t, out);
    }
  }

  private void fourRowsOfFloats(
      MemorySegment w, long base, PackedMatrix matrix, int group, Activations x, int t, float[] out) {
    int inner = matrix.columns();
    float[] xs = x.values().array();
    int x0 = t * inner;
    int x1 = x0 + inner;
    int x2 = x1 + inner;
    int x3 = x2 + inner;
    for (int lane = 0; lane < GROUP; lane += STEP) {
      FloatVector even0 = FloatVector.zero(F);
      FloatVector even1 = even0;
      FloatVector even2 = even0;
      FloatVector even3 = even0;
      FloatVector odd0 = even0;
      FloatVector odd1 = even0;
      FloatVector odd2 = even0;
      FloatVector odd3 = even0;
      long o = base + (long) Float.BYTES * lane;
      int k = 0;
      for (; k + 1 < inner; k += 2) {
        FloatVector first = floats(w, o);
        even0 = first.fma(FloatVector.broadcast(F, xs[x0 + k]), even0);
        even1 = first.fma(FloatVector.broadcast(F, xs[x1 + k]), even1);
        even2 = first.fma(FloatVector.broadcast(F, xs[x2 + k]), even2);
        even3 = first.fma(FloatVector.broadcast(F, xs[x3 + k]), even3);
        FloatVector second = floats(w, o + Float.BYTES * GROUP);
        odd0 = second.fma(FloatVector.broadcast(F, xs[x0 + k + 1]), odd0);
        odd1 = second.fma(FloatVector.broadcast(F, xs[x1 + k + 1]), odd1);
        odd2 = second.fma(FloatVector.broadcast(F, xs[x2 + k + 1]), odd2);
        odd3 = second.fma(FloatVector.broadcast(F, xs[x3 + k + 1]), odd3);
        o += 2 * Float.BYTES * GROUP;
      }
      if (k < inner) {
        FloatVector last = floats(w, o);
        even0 = last.fma(FloatVector.broadcast(F, xs[x0 + k]), even0);
        even1 = last.fma(FloatVector.broadcast(F, xs[x1 + k]), even1);
        even2 = last.fma(FloatVector.broadcast(F, xs[x2 + k]), even2);
        even3 = last.fma(FloatVector.broadcast(F, xs[x3 + k]), even3);
      }
      put(even0.add(odd0), lane, matrix, group, t, out);
      put(even1.add(odd1), lane, matrix, group, t + 1, out);
      put(even2.add(odd2), lane, matrix, group, t + 2, out);
      put(even3.add(odd3), lane, matrix, group, t + 3, out);
    }
  }

  private void bfloats(PackedMatrix matrix, int group, Activations x, float[] out) {
    int t = 0;
    for (; t + ROWS <= x.rows(); t += ROWS) {
      fourRowsOfBfloats(matrix, group, x, t, out);
    }
    for (; t < x.rows(); t++) {
      rowOfBfloats(matrix, group, x, t, out);
    }
  }

  private void rowOfBfloats(PackedMatrix matrix, int group, Activations x, int t, float[] out) {
    int inner = matrix.columns();
    MemorySegment w = matrix.data();
    float[] xs = x.values().array();
    int at = t * inner;
    for (int lane = 0; lane < GROUP; lane += STEP) {
      FloatVector even = FloatVector.zero(F);
      FloatVector odd = even;
      long o = matrix.groupOffset(group) + (long) Integer.BYTES * lane;
      for (int k = 0; k + 1 < inner; k += 2) {
        IntVector pair = ints(w, o);
        even = lower(pair).fma(FloatVector.broadcast(F, xs[at + k]), even);
        odd = upper(pair).fma(FloatVector.broadcast(F, xs[at + k + 1]), odd);
        o += Integer.BYTES * GROUP;
      }
      if (inner % 2 == 1) {
        even = lower(ints(w, o)).fma(FloatVector.broadcast(F, xs[at + inner - 1]), even);
      }
      put(even.add(odd), lane, matrix, group, t, out);
    }
  }

  private void fourRowsOfBfloats(PackedMatrix matrix, int group, Activations x, int t, float[] out) {
    int inner = matrix.columns();
    MemorySegment w = matrix.data();
    float[] xs = x.values().array();
    int x0 = t * inner;
    int x1 = x0 + inner;
    int x2 = x1 + inner;
    int x3 = x2 + inner;
    for (int lane = 0; lane < GROUP; lane += STEP) {
      FloatVector even0 = FloatVector.zero(F);
      FloatVector even1 = even0;
      FloatVector even2 = even0;
      FloatVector even3 = even0;
      FloatVector odd0 = even0;
      FloatVector odd1 = even0;
      FloatVector odd2 = even0;
      FloatVector odd3 = even0;
      long o = matrix.groupOffset(group) + (long) Integer.BYTES * lane;
      int k = 0;
      for (; k + 1 < inner; k += 2) {
        IntVector pair = ints(w, o);
        FloatVector first = lower(pair);
        even0 = first.fma(FloatVector.broadcast(F, xs[x0 + k]), even0);
        even1 = first.fma(FloatVector.broadcast(F, xs[x1 + k]), even1);
        even2 = first.fma(FloatVector.broadcast(F, xs[x2 + k]), even2);
        even3 = first.fma(FloatVector.broadcast(F, xs[x3 + k]), even3);
        FloatVector second = upper(pair);
        odd0 = second.fma(FloatVector.broadcast(F, xs[x0 + k + 1]), odd0);
        odd1 = second.fma(FloatVector.broadcast(F, xs[x1 + k + 1]), odd1);
        odd2 = second.fma(FloatVector.broadcast(F, xs[x2 + k + 1]), odd2);
        odd3 = second.fma(FloatVector.broadcast(F, xs[x3 + k + 1]), odd3);
        o += Integer.BYTES * GROUP;
      }
      if (k < inner) {
        FloatVector last = lower(ints(w, o));
        even0 = last.fma(FloatVector.broadcast(F, xs[x0 + k]), even0);
        even1 = last.fma(FloatVector.broadcast(F, xs[x1 + k]), even1);
        even2 = last.fma(FloatVector.broadcast(F, xs[x2 + k]), even2);
        even3 = last.fma(FloatVector.broadcast(F, xs[x3 + k]), even3);
      }
      put(even0.add(odd0), lane, matrix, group, t, out);
      put(even1.add(odd1), lane, matrix, group, t + 1, out);
      put(even2.add(odd2), lane, matrix, group, t + 2, out);
      put(even3.add(odd3), lane, matrix, group, t + 3, out);
    }
  }

  private static FloatVector floats(MemorySegment w, long offset) {
    return FloatVector.fromMemorySegment(F, w, offset, LITTLE);
  }

  private static IntVector ints(MemorySegment w, long offset) {
    return IntVector.fromMemorySegment(I, w, offset, LITTLE);
  }

  /** The bfloat16 in the lower half of every lane. */
  private static FloatVector lower(IntVector pair) {
    return pair.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats();
  }

  /** The bfloat16 in the upper half of every lane. */
  private static FloatVector upper(IntVector pair) {
    return pair.and(0xffff0000).reinterpretAsFloats();
  }

  /** A group of binary16 weights as float32. */
  private MemorySegment widened(PackedMatrix matrix, int group) {
    int elements = (matrix.columns() + matrix.columns() % 2) * GROUP;
    if (widened.byteSize() < (long) Float.BYTES * elements) {
      widened = Arena.ofAuto().allocate((long) Float.BYTES * elements, 64);
    }
    long base = matrix.groupOffset(group);
    for (int i = 0; i < elements; i += STEP) {
      f16(matrix.data(), base + 2L * i).intoMemorySegment(widened, 4L * i, LITTLE);
    }
    return widened;
  }

  /**
   * Exponent and mantissa move to their places of binary32, then the bias of 127 takes the place of 15 by an exact
   * product, which also makes subnormal numbers normal. Infinities and NaN keep the largest exponent.
   */
  private static FloatVector f16(MemorySegment w, long offset) {
    IntVector bits = halves(w, offset);
    IntVector magnitude = bits.and(0x7fff).lanewise(VectorOperators.LSHL, 13);
    IntVector scaled = magnitude.reinterpretAsFloats().mul(0x1p112f).reinterpretAsInts();
    VectorMask<Integer> notFinite = magnitude.compare(VectorOperators.GE, 0x7c00 << 13);
    IntVector sign = bits.and(0x8000).lanewise(VectorOperators.LSHL, 16);
    return scaled.blend(magnitude.or(0xff << 23), notFinite).or(sign).reinterpretAsFloats();
  }

  /** 16-bit elements, sign-extended. */
  private static IntVector halves(MemorySegment w, long offset) {
    return (IntVector) ShortVector.fromMemorySegment(HALVES, w, offset, LITTLE).convertShape(VectorOperators.S2I, I, 0);
  }

  private void spreadPairs(Activations x) {
    byte[] quants = x.quants();
    int count = x.rows() * x.width();
    if (pairs.length < count / 2) {
      pairs = new int[count / 2];
    }
    for (int i = 0; i < count; i += 4) {
      pairs[i / 2] = quants[i] & 0xffff | quants[i + 2] << 16;
      pairs[i / 2 + 1] = quants[i + 1] & 0xffff | quants[i + 3] << 16;
    }
  }

  /**
   * One row after the other, a stretch of blocks at a time: integer sums, then what their scales make of them. Two
   * steps, since C2 inlines so many vector operations of one method and no more, and each that it does not allocates.
   */
  private void blocks(PackedMatrix matrix, int group, Activations x, float[] out) {
    int blocks = matrix.columns() / BLOCK;
    for (int t = 0; t < x.rows(); t++) {
      Arrays.fill(sums, 0);
      for (int from = 0; from < blocks; from += STRETCH) {
        int to = Math.min(from + STRETCH, blocks);
        if (matrix.format().bits() == Byte.SIZE) {
          sumBytes(matrix, group, from, to, t);
        } else {
          sumNibbles(matrix, group, from, to, x, t);
        }
        scaleSums(matrix, group, from, to, x, t);
      }
      if (matrix.format().hasMinima()) {
        addMinima(matrix, group, x, t);
      }
      for (int lane = 0; lane < GROUP; lane += STEP) {
        put(FloatVector.fromArray(F, sums, lane), lane, matrix, group, t, out);
      }
    }
  }

  /** Integer sums of blocks, or of their halves, for both vectors of a group: [blocks * halves, 32]. */
  private void sumBytes(PackedMatrix matrix, int group, int from, int to, int t) {
    MemorySegment w = matrix.data();
    PackedFormat format = matrix.format();
    int halves = format.halves();
    int quantBytes = format.quantBytes();
    for (int lane = 0; lane < LANES; lane += STEP) {
      int pair = (t * matrix.columns() + from * BLOCK) / 2;
      int into = lane;
      for (int i = from * halves; i < to * halves; i++) {
        long o = matrix.groupOffset(group) + (long) (i / halves) * format.blockBytes()
            + i % halves * (quantBytes / halves) + 4L * lane;
        IntVector s0 = IntVector.zero(I);
        IntVector s1 = s0;
        for (int half = halves; half <= 2; half++) {
          for (int j = 0; j < 4; j++) { // a constant, to be unrolled
            ShortVector even = pairs(pair + 2 * j);
            ShortVector odd = pairs(pair + 2 * j + 1);
            s0 = quad(w, o + 4L * LANES * j, even, odd, s0);
            s1 = quad(w, o + 4L * LANES * j + quantBytes, even, odd, s1);
          }
          o += 4 * 4 * LANES;
          pair += BLOCK / 4;
        }
        s0.intoArray(whole, into);
        s1.intoArray(whole, into + LANES);
        into += GROUP;
      }
    }
  }

  /** As {@link #sumBytes}. Sixteen products of a nibble and an 8-bit number fit 16 bits: a block is summed there. */
  private void sumNibbles(PackedMatrix matrix, int group, int from, int to, Activations x, int t) {
    MemorySegment w = matrix.data();
    int blocks = matrix.columns() / BLOCK;
    int quantBytes = matrix.format().quantBytes();
    boolean offset = !matrix.format().hasMinima();
    for (int lane = 0; lane < LANES; lane += STEP) {
      int into = lane;
      for (int b = from; b < to; b++) {
        long o = matrix.groupOffset(group) + (long) b * matrix.format().blockBytes() + 4L * lane;
        int pair = (t * matrix.columns() + b * BLOCK) / 2;
        ShortVector s0 = ShortVector.zero(S);
        ShortVector s1 = s0;
        for (int j = 0; j < 4; j++) {
          ShortVector quad0 = shorts(w, o + 4L * LANES * j);
          ShortVector quad1 = shorts(w, o + 4L * LANES * j + quantBytes);
          for (int shift = 0; shift < Short.SIZE; shift += 4) { // columns 0 2, 16 18, 1 3, 17 19 of the quad
            ShortVector xs = pairs(pair + 2 * j + shift / 8 + shift % 8 * 2);
            s0 = s0.add(quad0.lanewise(VectorOperators.LSHR, shift).and((short) 15).mul(xs));
            s1 = s1.add(quad1.lanewise(VectorOperators.LSHR, shift).and((short) 15).mul(xs));
          }
        }
        // A nibble stands 8 above its quant: 8 instead of 128 times the sum is too much.
        IntVector bias = IntVector.broadcast(I, offset ? x.biases()[t * blocks + b] >> 4 : 0);
        addPairs(bias, s0).intoArray(whole, into);
        addPairs(bias, s1).intoArray(whole, into + LANES);
        into += GROUP;
      }
    }
  }

  /** {@code sums += whole * (scale * xScale)}, block after block. */
  private void scaleSums(PackedMatrix matrix, int group, int from, int to, Activations x, int t) {
    PackedFormat format = matrix.format();
    int halves = format.halves();
    int first = t * (matrix.columns() / BLOCK);
    float[] xScales = x.scales().array();
    for (int lane = 0; lane < GROUP; lane += STEP) {
      FloatVector sum = FloatVector.fromArray(F, sums, lane);
      int at = lane;
      for (int i = from * halves; i < to * halves; i++) {
        long scales = matrix.groupOffset(group) + (long) (i / halves) * format.blockBytes() + format.scalesOffset()
            + i % halves * (4L * GROUP);
        FloatVector scale = numbers(format, matrix.data(), scales, lane).mul(xScales[first + i / halves]);
        sum = ((FloatVector) IntVector.fromArray(I, whole, at).convert(VectorOperators.I2F, 0)).fma(scale, sum);
        at += GROUP;
      }
      sum.intoArray(sums, lane);
    }
  }

  /** Adds what the minima make of row t: a sum of its own over all blocks. */
  private void addMinima(PackedMatrix matrix, int group, Activations x, int t) {
    PackedFormat format = matrix.format();
    int blocks = matrix.columns() / BLOCK;
    float[] xSums = x.sums().array();
    for (int lane = 0; lane < GROUP; lane += STEP) {
      FloatVector sum = FloatVector.zero(F);
      long o = matrix.groupOffset(group) + format.minimaOffset();
      for (int b = 0; b < blocks; b++) {
        sum = numbers(format, matrix.data(), o, lane).fma(FloatVector.broadcast(F, xSums[t * blocks + b]), sum);
        o += format.blockBytes();
      }
      FloatVector.fromArray(F, sums, lane).add(sum).intoArray(sums, lane);
    }
  }

  /** Numbers at {@code offset} of the rows from {@code lane} on. */
  private static FloatVector numbers(PackedFormat format, MemorySegment w, long offset, int lane) {
    if (format.wide()) {
      return floats(w, offset + 4L * lane);
    }
    IntVector both = ints(w, offset + 4L * (lane % LANES));
    return finite(lane < LANES ? both.lanewise(VectorOperators.LSHL, 16) : both);
  }

  /** The binary16 number in the upper half of every lane, not infinite and not NaN, as scales are; see {@link #f16}. */
  private static FloatVector finite(IntVector halves) {
    IntVector magnitude = halves.and(0x7fff0000).lanewise(VectorOperators.LSHR, 3);
    IntVector scaled = magnitude.reinterpretAsFloats().mul(0x1p112f).reinterpretAsInts();
    return scaled.or(halves.and(0x80000000)).reinterpretAsFloats();
  }

  /**
   * {@code s} and the products of a quad of columns. Products of two 8-bit numbers fit 16 bits, and so does the sum of
   * two of them; a lane of 32 bits holds two such sums, which are added to it as 32-bit numbers.
   */
  private static IntVector quad(MemorySegment w, long o, ShortVector xEven, ShortVector xOdd, IntVector s) {
    ShortVector quad = shorts(w, o);
    ShortVector even = quad.lanewise(VectorOperators.LSHL, 8).lanewise(VectorOperators.ASHR, 8);
    ShortVector odd = quad.lanewise(VectorOperators.ASHR, 8);
    return addPairs(s, even.mul(xEven).add(odd.mul(xOdd)));
  }

  private static ShortVector shorts(MemorySegment w, long offset) {
    return ShortVector.fromMemorySegment(S, w, offset, LITTLE);
  }

  /** A pair of quants, seen by every lane. */
  private ShortVector pairs(int index) {
    return IntVector.broadcast(I, pairs[index]).reinterpretAsShorts();
  }

  /** {@code s} plus both 16-bit numbers of every lane. */
  private static IntVector addPairs(IntVector s, ShortVector products) {
    IntVector both = products.reinterpretAsInts();
    IntVector low = both.lanewise(VectorOperators.LSHL, 16).lanewise(VectorOperators.ASHR, 16);
    return s.add(low).add(both.lanewise(VectorOperators.ASHR, 16));
  }

  /** Writes lanes from {@code lane} on to their places in row t of the product, those behind its last element not. */
  private static void put(FloatVector sums, int lane, PackedMatrix matrix, int group, int t, float[] out) {
    int column = group * GROUP + lane;
    if (column + STEP <= matrix.rows()) {
      sums.intoArray(out, t * matrix.rows() + column);
    } else if (column < matrix.rows()) {
      sums.intoArray(out, t * matrix.rows() + column, F.indexInRange(column, matrix.rows()));
    }
  }

  @Override
  public void quantize(Activations x, int from, int to) {
    float[] values = x.values().array();
    for (int i = from; i < to; i++) {
      FloatVector most = FloatVector.zero(F);
      for (int j = 0; j < BLOCK; j += STEP) {
        most = most.max(FloatVector.fromArray(F, values, i * BLOCK + j).abs());
      }
      float scale = most.reduceLanes(VectorOperators.MAX) / Activations.LARGEST_QUANT; // the same in any order
      float inverse = Activations.inverse(scale);
      IntVector sum = IntVector.zero(I);
      for (int j = 0; j < BLOCK; j += STEP) {
        FloatVector shifted = FloatVector.fromArray(F, values, i * BLOCK + j).mul(inverse).add(ROUNDING);
        IntVector quants = shifted.reinterpretAsInts().sub(ROUNDING_BITS);
        sum = sum.add(quants);
        putBytes(quants, x.quants(), i * BLOCK + j);
      }
      x.describe(i, scale, sum.reduceLanes(VectorOperators.ADD)); // whole numbers: the same in any order
    }
  }

  private static void putBytes(IntVector quants, byte[] out, int at) {
    ByteVector narrow = (ByteVector) quants.convertShape(VectorOperators.I2B, BYTES, 0);
    if (BYTES.length() == STEP) {
      narrow.intoArray(out, at);
    } else {
      narrow.intoArray(out, at, BYTES.indexInRange(0, STEP));
    }
  }

  /** A product of two rows is summed in 16 lanes, lane j taking elements j, j + 16, …; the last ones, fewer, here. */
  private void addTail(float[] x, int at, int count) {
    for (int j = 0; j < count; j++) {
      lanes[j] = Math.fma(x[at + j], x[at + j], lanes[j]);
    }
  }

  /** Lanes i and i + 8, then i + 4, i + 2, i + 1. */
  private float fold() {
    float[] l = lanes;
    float s0 = (l[0] + l[8]) + (l[4] + l[12]);
    float s1 = (l[1] + l[9]) + (l[5] + l[13]);
    float s2 = (l[2] + l[10]) + (l[6] + l[14]);
    float s3 = (l[3] + l[11]) + (l[7] + l[15]);
    return (s0 + s2) + (s1 + s3);
  }

  @Override
  public void rmsNorm(float[] x, int offset, float[] weight, float eps, float[] out) {
    int width = weight.length;
    int whole = width - width % LANES;
    for (int lane = 0; lane < LANES; lane += STEP) {
      FloatVector sum = FloatVector.zero(F);
      for (int i = lane; i < whole; i += LANES) {
        FloatVector xs = FloatVector.fromArray(F, x, offset + i);
        sum = xs.fma(xs, sum);
      }
      sum.intoArray(lanes, lane);
    }
    addTail(x, offset + whole, width - whole);
    float inverse = 1f / (float) Math.sqrt(fold() / width + eps);
    for (int i = 0; i < width; i++) {
      out[offset + i] = weight[i] * (x[offset + i] * inverse);
    }
  }

  @Override
  public void rope(float[] x, int offset, int heads, RopeTable table, int position) {
    plain.rope(x, offset, heads, table, position);
  }

  @Override
  public void widenKeys(KvPage.Quants page, int kvHead, int positions, Floats out) {
    int stride = page.shape().keyStride();
    int headDim = page.shape().headDim();
    for (int i = kvHead * headDim; i < (kvHead + 1) * headDim; i++) {
      int scale = i / BLOCK * stride;
      for (int p = 0; p < positions; p += STEP) {
        FloatVector scales = FloatVector.fromArray(F, page.keyScales(), scale + p);
        quants(page.keys(), i * stride + p).mul(scales).intoArray(out.array(), i * stride + p);
      }
    }
  }

  @Override
  public void widenValues(KvPage.Quants page, int kvHead, int positions, Floats out) {
    int end = page.shape().valueOffset(kvHead, positions);
    for (int block = page.shape().valueOffset(kvHead, 0); block < end; block += BLOCK) {
      float scale = page.valueScales()[block / BLOCK];
      for (int i = block; i < block + BLOCK; i += STEP) {
        quants(page.values(), i).mul(scale).intoArray(out.array(), i);
      }
    }
  }

  private static FloatVector quants(byte[] quants, int at) {
    ByteVector narrow = BYTES.length() == STEP
        ? ByteVector.fromArray(BYTES, quants, at)
        : ByteVector.fromArray(BYTES, quants, at, BYTES.indexInRange(0, STEP));
    return (FloatVector) narrow.convertShape(VectorOperators.B2F, F, 0);
  }

  @Override
  public void attention(KvPages cache, int kvHead, int heads, int positions, float[] q, int offset, float[] out) {
    int width = cache.headDim();
    int row = Math.ceilDiv(positions, LANES) * LANES + cache.keyStride();
    scoreRows.reserve(heads * row);
    float[] scores = scoreRows.array();
    for (int page = 0; page < positions; page += cache.pagePositions()) {
      int held = Math.min(cache.pagePositions(), positions - page);
      float[] keys = cache.keys(kvHead, page, held, this, wide);
      for (int head = 0; head < heads; head++) {
        score(keys, cache.keyOffset(kvHead), cache, held, q, offset + head * width, scores, head * row + page);
      }
    }
    totals.reserve(heads);
    for (int head = 0; head < heads; head++) {
      totals.array()[head] = soften(scores, head * row, positions);
    }
    Arrays.fill(out, offset, offset + heads * width, 0);
    for (int page = 0; page < positions; page += cache.pagePositions()) {
      int held = Math.min(cache.pagePositions(), positions - page);
      float[] values = cache.values(kvHead, page, held, this, wide);
      for (int head = 0; head < heads; head++) {
        mix(values, cache.valueOffset(kvHead), width, held, scores, head * row + page, out, offset + head * width);
      }
    }
    for (int head = 0; head < heads; head++) {
      for (int i = offset + head * width; i < offset + (head + 1) * width; i++) {
        out[i] /= totals.array()[head];
      }
    }
  }

  /** Makes e^(score - the largest) of a row of scores, and returns their sum. */
  private float soften(float[] scores, int start, int positions) {
    int end = start + Math.ceilDiv(positions, LANES) * LANES;
    Arrays.fill(scores, start + positions, end, Float.NEGATIVE_INFINITY); // e^x of it is 0: it counts for nothing
    FloatVector most = FloatVector.broadcast(F, Float.NEGATIVE_INFINITY);
    for (int p = start; p < end; p += STEP) {
      most = most.max(FloatVector.fromArray(F, scores, p));
    }
    float largest = most.reduceLanes(VectorOperators.MAX); // the same in any order
    for (int lane = 0; lane < LANES; lane += STEP) {
      FloatVector total = FloatVector.zero(F);
      for (int p = start + lane; p < end; p += LANES) {
        FloatVector weight = exp(FloatVector.fromArray(F, scores, p).sub(largest));
        weight.intoArray(scores, p);
        total = total.add(weight);
      }
      total.intoArray(lanes, lane);
    }
    return fold();
  }

  /** Scores of a page, q · k / sqrt(HD); lanes are positions, the sum over HD is taken in order. */
  private static void score(
      float[] keys, int start, KvPages cache, int held, float[] q, int offset, float[] scores, int into) {
    float scale = (float) (1 / Math.sqrt(cache.headDim()));
    int p = 0;
    for (; p < held && p + 4 * STEP <= cache.keyStride(); p += 4 * STEP) {
      fourScores(keys, start + p, cache, q, offset, scale, scores, into + p);
    }
    for (; p < held; p += STEP) {
      FloatVector s = FloatVector.zero(F);
      for (int i = 0; i < cache.headDim(); i++) {
        s = FloatVector.fromArray(F, keys, start + p + i * cache.keyStride())
            .fma(FloatVector.broadcast(F, q[offset + i]), s);
      }
      s.mul(scale).intoArray(scores, into + p);
    }
  }

  private static void fourScores(
      float[] keys, int start, KvPages cache, float[] q, int offset, float scale, float[] scores, int into) {
    int width = cache.headDim();
    int stride = cache.keyStride();
    FloatVector s0 = FloatVector.zero(F);
    FloatVector s1 = s0;
    FloatVector s2 = s0;
    FloatVector s3 = s0;
    int at = start;
    for (int i = 0; i < width; i++) {
      FloatVector qs = FloatVector.broadcast(F, q[offset + i]);
      s0 = FloatVector.fromArray(F, keys, at).fma(qs, s0);
      s1 = FloatVector.fromArray(F, keys, at + STEP).fma(qs, s1);
      s2 = FloatVector.fromArray(F, keys, at + 2 * STEP).fma(qs, s2);
      s3 = FloatVector.fromArray(F, keys, at + 3 * STEP).fma(qs, s3);
      at += stride;
    }
    s0.mul(scale).intoArray(scores, into);
    s1.mul(scale).intoArray(scores, into + STEP);
    s2.mul(scale).intoArray(scores, into + 2 * STEP);
    s3.mul(scale).intoArray(scores, into + 3 * STEP);
  }

  /** Adds shares of the values of a page to out, positions in order; lanes are dimensions. */
  private static void mix(
      float[] values, int start, int width, int held, float[] shares, int first, float[] out, int into) {
    int d = 0;
    for (; d + 2 * STEP <= width; d += 2 * STEP) {
      FloatVector sum0 = FloatVector.fromArray(F, out, into + d);
      FloatVector sum1 = FloatVector.fromArray(F, out, into + d + STEP);
      int at = start + d;
      for (int p = 0; p < held; p++) {
        FloatVector share = FloatVector.broadcast(F, shares[first + p]);
        sum0 = FloatVector.fromArray(F, values, at).fma(share, sum0);
        sum1 = FloatVector.fromArray(F, values, at + STEP).fma(share, sum1);
        at += width;
      }
      sum0.intoArray(out, into + d);
      sum1.intoArray(out, into + d + STEP);
    }
    for (; d < width; d += STEP) {
      VectorMask<Float> in = F.indexInRange(d, width);
      FloatVector sum = FloatVector.fromArray(F, out, into + d, in);
      for (int p = 0; p < held; p++) {
        FloatVector share = FloatVector.broadcast(F, shares[first + p]);
        sum = FloatVector.fromArray(F, values, start + p * width + d, in).fma(share, sum);
      }
      sum.intoArray(out, into + d, in);
    }
  }

  @Override
  public void swiGlu(float[] gate, float[] up, int from, int to) {
    int i = from;
    for (; i + STEP <= to; i += STEP) {
      silu(FloatVector.fromArray(F, gate, i)).mul(FloatVector.fromArray(F, up, i)).intoArray(gate, i);
    }
    if (i < to) {
      VectorMask<Float> in = F.indexInRange(i, to);
      silu(FloatVector.fromArray(F, gate, i, in)).mul(FloatVector.fromArray(F, up, i, in)).intoArray(gate, i, in);
    }
  }

  private static FloatVector silu(FloatVector x) {
    return x.div(exp(x.neg()).add(1f));
  }

  @Override
  public void add(float[] x, float[] delta, int from, int to) {
    plain.add(x, delta, from, to);
  }

  /**
   * e^x to about 1e-7, out of exactly rounded operations alone: x = n ln 2 + r, |r| ≤ ln 2 / 2, with ln 2 in two
   * parts (Cody and Waite), and the Taylor polynomial of degree 7 in r. Below -87 it is 0, above 88 it stays e^88, so
   * that 2^n is normal.
   */
  private static FloatVector exp(FloatVector x) {
    FloatVector held = x.max(-87f).min(88f);
    FloatVector shifted = held.mul(1.44269504f).add(ROUNDING);
    FloatVector n = shifted.sub(ROUNDING);
    FloatVector r = n.fma(FloatVector.broadcast(F, -0.693359375f), held);
    r = n.fma(FloatVector.broadcast(F, 2.12194440e-4f), r);
    FloatVector p = FloatVector.broadcast(F, 1f / 5040);
    p = p.fma(r, FloatVector.broadcast(F, 1f / 720));
    p = p.fma(r, FloatVector.broadcast(F, 1f / 120));
    p = p.fma(r, FloatVector.broadcast(F, 1f / 24));
    p = p.fma(r, FloatVector.broadcast(F, 1f / 6));
    p = p.fma(r, FloatVector.broadcast(F, 0.5f));
    p = p.fma(r, FloatVector.broadcast(F, 1f));
    p = p.fma(r, FloatVector.broadcast(F, 1f));
    IntVector exponent = shifted.reinterpretAsInts().sub(ROUNDING_BITS).add(127);
    FloatVector power = p.mul(exponent.lanewise(VectorOperators.LSHL, 23).reinterpretAsFloats());
    return power.blend(0f, x.compare(VectorOperators.LT, -87f));
  }
}
