package dev.layermesh.engine.backend;

import dev.layermesh.engine.checkpoint.DType;
import dev.layermesh.engine.checkpoint.TensorView;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorShuffle;
import jdk.incubator.vector.VectorSpecies;

/**
 * SIMD kernels with the same bits on every width. A dot product has 16 logical lanes: lane j sums elements j, j + 16, …
 * by fused multiply-add, in that order, and the lanes are folded in halves. A machine of narrower vectors makes several
 * passes, each over some of the lanes. {@code reduceLanes} is of no use here: its order is not specified.
 *
 * <p>Four columns share each load of x; several rows share the conversion of four weight rows to float32. Neither
 * changes the reduction tree of an element.
 */
final class VectorKernels implements Kernels {
  private static final int LANES = 16; // of a logical vector: one 512-bit register
  private static final int COLUMNS = 4; // that a loop computes together: independent chains of additions
  private static final VectorSpecies<Float> F = FloatVector.SPECIES_PREFERRED.length() > LANES
      ? FloatVector.SPECIES_512
      : FloatVector.SPECIES_PREFERRED;
  private static final VectorSpecies<Integer> I = F.withLanes(int.class);
  private static final VectorSpecies<Short> S =
      VectorSpecies.of(short.class, VectorShape.forBitSize(Math.max(64, F.vectorBitSize() / 2)));
  private static final int STEP = F.length();
  private static final boolean IN_REGISTERS = STEP == LANES; // whether lanes are folded there, else in memory
  private static final VectorMask<Float> IN_8 = VectorMask.fromLong(F, 0xFF00); // lanes whose index has this bit
  private static final VectorMask<Float> IN_4 = VectorMask.fromLong(F, 0xF0F0);
  private static final VectorMask<Float> IN_2 = VectorMask.fromLong(F, 0xCCCC);
  private static final VectorShuffle<Float> SWAP_8 = swap(8);
  private static final VectorShuffle<Float> SWAP_4 = swap(4);
  private static final VectorShuffle<Float> SWAP_2 = swap(2);
  private static final VectorShuffle<Float> SWAP_1 = swap(1);
  private static final float ROUNDING = 0x1.8p23f; // added and taken off again, rounds to a whole number
  private static final ByteOrder LITTLE = ByteOrder.LITTLE_ENDIAN;

  private final Kernels plain = new ScalarKernels(); // for verbs that the compiler vectorizes by itself
  private final float[] lanes = new float[2 * COLUMNS * LANES]; // of the sums of a tile
  private final float[] sums = new float[LANES]; // [4i]: column i with the first row of x, [4i + 2]: with the second
  private final int[] starts = new int[COLUMNS]; // of the four rows of the tile
  private float[] tile = {}; // [COLUMNS, inner], weight rows as float32
  private float[] scores = {}; // [positions]

  @Override
  public String name() {
    return "vector" + LANES;
  }

  @Override
  public void matmul(TensorView w, int from, int to, float[] x, int rows, float[] out) {
    tile = Scratch.atLeast(tile, COLUMNS * w.columns());
    for (int c = from; c < to; c += COLUMNS) {
      int columns = Math.min(COLUMNS, to - c);
      if (rows == 1 && (w.dtype() == DType.F32 || w.dtype() == DType.BF16)) {
        oneRow(w, c, columns, x, out);
      } else {
        manyRows(w, c, columns, x, rows, out);
      }
    }
  }

  /** Weights are used once: converted in registers. */
  private void oneRow(TensorView w, int first, int columns, float[] x, float[] out) {
    int inner = w.columns();
    int last = first + columns - 1;
    long o0 = Elements.offset(w, first);
    long o1 = Elements.offset(w, Math.min(first + 1, last));
    long o2 = Elements.offset(w, Math.min(first + 2, last));
    long o3 = Elements.offset(w, Math.min(first + 3, last));
    if (w.dtype() == DType.BF16) {
      bf16Dots(w.data(), o0, o1, o2, o3, x, inner);
    } else {
      f32Dots(w.data(), o0, o1, o2, o3, x, inner);
    }
    int tail = inner % LANES;
    for (int i = 0; i < columns; i++) {
      if (tail > 0) {
        Elements.widen(w, first + i, inner - tail, tile, 0);
        addTail(tile, 0, x, inner - tail, tail, i * LANES);
      }
      if (tail > 0 || !IN_REGISTERS) {
        sums[4 * i] = fold(i * LANES);
      }
      out[first + i] = sums[4 * i];
    }
  }

  private void bf16Dots(MemorySegment w, long o0, long o1, long o2, long o3, float[] x, int inner) {
    int whole = inner - inner % LANES;
    for (int lane = 0; lane < LANES; lane += STEP) {
      FloatVector a0 = FloatVector.zero(F);
      FloatVector a1 = a0;
      FloatVector a2 = a0;
      FloatVector a3 = a0;
      for (int i = lane; i < whole; i += LANES) {
        FloatVector xs = FloatVector.fromArray(F, x, i);
        a0 = bf16(w, o0 + 2L * i).fma(xs, a0);
        a1 = bf16(w, o1 + 2L * i).fma(xs, a1);
        a2 = bf16(w, o2 + 2L * i).fma(xs, a2);
        a3 = bf16(w, o3 + 2L * i).fma(xs, a3);
      }
      if (whole == inner && IN_REGISTERS) {
        sums(quarters(a0, a1, a2, a3));
        return;
      }
      a0.intoArray(lanes, lane);
      a1.intoArray(lanes, LANES + lane);
      a2.intoArray(lanes, 2 * LANES + lane);
      a3.intoArray(lanes, 3 * LANES + lane);
    }
  }

  private void f32Dots(MemorySegment w, long o0, long o1, long o2, long o3, float[] x, int inner) {
    int whole = inner - inner % LANES;
    for (int lane = 0; lane < LANES; lane += STEP) {
      FloatVector a0 = FloatVector.zero(F);
      FloatVector a1 = a0;
      FloatVector a2 = a0;
      FloatVector a3 = a0;
      for (int i = lane; i < whole; i += LANES) {
        FloatVector xs = FloatVector.fromArray(F, x, i);
        a0 = FloatVector.fromMemorySegment(F, w, o0 + 4L * i, LITTLE).fma(xs, a0);
        a1 = FloatVector.fromMemorySegment(F, w, o1 + 4L * i, LITTLE).fma(xs, a1);
        a2 = FloatVector.fromMemorySegment(F, w, o2 + 4L * i, LITTLE).fma(xs, a2);
        a3 = FloatVector.fromMemorySegment(F, w, o3 + 4L * i, LITTLE).fma(xs, a3);
      }
      if (whole == inner && IN_REGISTERS) {
        sums(quarters(a0, a1, a2, a3));
        return;
      }
      a0.intoArray(lanes, lane);
      a1.intoArray(lanes, LANES + lane);
      a2.intoArray(lanes, 2 * LANES + lane);
      a3.intoArray(lanes, 3 * LANES + lane);
    }
  }

  private static FloatVector bf16(MemorySegment w, long offset) {
    return halves(w, offset).lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats();
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
    return (IntVector) ShortVector.fromMemorySegment(S, w, offset, LITTLE).convertShape(VectorOperators.S2I, I, 0);
  }

  /** Weights are used again: converted once, and two rows at a time share their loads. */
  private void manyRows(TensorView w, int first, int columns, float[] x, int rows, float[] out) {
    int inner = w.columns();
    widen(w, first, columns);
    for (int i = 0; i < COLUMNS; i++) {
      starts[i] = i * inner;
    }
    int t = 0;
    for (; t + 1 < rows; t += 2) {
      pairOfDots(tile, starts, x, t * inner, inner);
      for (int i = 0; i < columns; i++) {
        out[t * w.rows() + first + i] = sums[4 * i];
        out[(t + 1) * w.rows() + first + i] = sums[4 * i + 2];
      }
    }
    if (t < rows) {
      dots(tile, starts, x, t * inner, inner);
      for (int i = 0; i < columns; i++) {
        out[t * w.rows() + first + i] = sums[4 * i];
      }
    }
  }

  /** Fills the tile; columns behind the last are copies of it. */
  private void widen(TensorView w, int first, int columns) {
    int inner = w.columns();
    int whole = w.dtype() == DType.F16 || w.dtype() == DType.BF16 ? inner - inner % STEP : 0;
    int last = first + columns - 1;
    long o0 = Elements.offset(w, first);
    long o1 = Elements.offset(w, Math.min(first + 1, last));
    long o2 = Elements.offset(w, Math.min(first + 2, last));
    long o3 = Elements.offset(w, Math.min(first + 3, last));
    if (w.dtype() == DType.BF16) {
      for (int i = 0; i < whole; i += STEP) {
        bf16(w.data(), o0 + 2L * i).intoArray(tile, i);
        bf16(w.data(), o1 + 2L * i).intoArray(tile, inner + i);
        bf16(w.data(), o2 + 2L * i).intoArray(tile, 2 * inner + i);
        bf16(w.data(), o3 + 2L * i).intoArray(tile, 3 * inner + i);
      }
    } else {
      for (int i = 0; i < whole; i += STEP) {
        f16(w.data(), o0 + 2L * i).intoArray(tile, i);
        f16(w.data(), o1 + 2L * i).intoArray(tile, inner + i);
        f16(w.data(), o2 + 2L * i).intoArray(tile, 2 * inner + i);
        f16(w.data(), o3 + 2L * i).intoArray(tile, 3 * inner + i);
      }
    }
    for (int i = 0; i < COLUMNS; i++) {
      Elements.widen(w, Math.min(first + i, last), whole, tile, i * inner + whole);
    }
  }

  /** {@code sums[i]} = the row of w at {@code at[i]} times the row of x at {@code xAt}. */
  private void dots(float[] w, int[] at, float[] x, int xAt, int inner) {
    int whole = inner - inner % LANES;
    int w0 = at[0];
    int w1 = at[1];
    int w2 = at[2];
    int w3 = at[3];
    for (int lane = 0; lane < LANES; lane += STEP) {
      FloatVector a0 = FloatVector.zero(F);
      FloatVector a1 = a0;
      FloatVector a2 = a0;
      FloatVector a3 = a0;
      for (int i = lane; i < whole; i += LANES) {
        FloatVector xs = FloatVector.fromArray(F, x, xAt + i);
        a0 = FloatVector.fromArray(F, w, w0 + i).fma(xs, a0);
        a1 = FloatVector.fromArray(F, w, w1 + i).fma(xs, a1);
        a2 = FloatVector.fromArray(F, w, w2 + i).fma(xs, a2);
        a3 = FloatVector.fromArray(F, w, w3 + i).fma(xs, a3);
      }
      if (whole == inner && IN_REGISTERS) {
        sums(quarters(a0, a1, a2, a3));
        return;
      }
      a0.intoArray(lanes, lane);
      a1.intoArray(lanes, LANES + lane);
      a2.intoArray(lanes, 2 * LANES + lane);
      a3.intoArray(lanes, 3 * LANES + lane);
    }
    sumColumns(w, at, x, xAt, inner, 0);
  }

  /** As {@link #dots}, for two consecutive rows of x; the second one's sums follow. */
  private void pairOfDots(float[] w, int[] at, float[] x, int xAt, int inner) {
    int whole = inner - inner % LANES;
    int at0 = at[0];
    int at1 = at[1];
    int at2 = at[2];
    int at3 = at[3];
    for (int lane = 0; lane < LANES; lane += STEP) {
      FloatVector a0 = FloatVector.zero(F);
      FloatVector a1 = a0;
      FloatVector a2 = a0;
      FloatVector a3 = a0;
      FloatVector b0 = a0;
      FloatVector b1 = a0;
      FloatVector b2 = a0;
      FloatVector b3 = a0;
      for (int i = lane; i < whole; i += LANES) {
        FloatVector xs = FloatVector.fromArray(F, x, xAt + i);
        FloatVector ys = FloatVector.fromArray(F, x, xAt + inner + i);
        FloatVector w0 = FloatVector.fromArray(F, w, at0 + i);
        a0 = w0.fma(xs, a0);
        b0 = w0.fma(ys, b0);
        FloatVector w1 = FloatVector.fromArray(F, w, at1 + i);
        a1 = w1.fma(xs, a1);
        b1 = w1.fma(ys, b1);
        FloatVector w2 = FloatVector.fromArray(F, w, at2 + i);
        a2 = w2.fma(xs, a2);
        b2 = w2.fma(ys, b2);
        FloatVector w3 = FloatVector.fromArray(F, w, at3 + i);
        a3 = w3.fma(xs, a3);
        b3 = w3.fma(ys, b3);
      }
      if (whole == inner && IN_REGISTERS) {
        sums(quarters(a0, a1, a2, a3), quarters(b0, b1, b2, b3));
        return;
      }
      a0.intoArray(lanes, lane);
      a1.intoArray(lanes, LANES + lane);
      a2.intoArray(lanes, 2 * LANES + lane);
      a3.intoArray(lanes, 3 * LANES + lane);
      b0.intoArray(lanes, 4 * LANES + lane);
      b1.intoArray(lanes, 5 * LANES + lane);
      b2.intoArray(lanes, 6 * LANES + lane);
      b3.intoArray(lanes, 7 * LANES + lane);
    }
    sumColumns(w, at, x, xAt, inner, 0);
    sumColumns(w, at, x, xAt + inner, inner, 1);
  }

  /** Sums of the lanes in memory, of the first or the second row of x. */
  private void sumColumns(float[] w, int[] at, float[] x, int xAt, int inner, int row) {
    int tail = inner % LANES;
    int whole = inner - tail;
    for (int i = 0; i < COLUMNS; i++) {
      int lane = (row * COLUMNS + i) * LANES;
      addTail(w, at[i] + whole, x, xAt + whole, tail, lane);
      sums[4 * i + 2 * row] = fold(lane);
    }
  }

  /** The last elements of a row, fewer than a logical vector, each added to its lane. */
  private void addTail(float[] w, int at, float[] x, int xAt, int count, int lane) {
    for (int j = 0; j < count; j++) {
      lanes[lane + j] = Math.fma(w[at + j], x[xAt + j], lanes[lane + j]);
    }
  }

  /** Lanes i and i + 8, then i + 4, i + 2, i + 1. */
  private float fold(int at) {
    float[] l = lanes;
    float s0 = (l[at] + l[at + 8]) + (l[at + 4] + l[at + 12]);
    float s1 = (l[at + 1] + l[at + 9]) + (l[at + 5] + l[at + 13]);
    float s2 = (l[at + 2] + l[at + 10]) + (l[at + 6] + l[at + 14]);
    float s3 = (l[at + 3] + l[at + 11]) + (l[at + 7] + l[at + 15]);
    return (s0 + s2) + (s1 + s3);
  }

  /** Of four registers of 16 lanes, each folded to four: those of the {@code i}th lie from lane 4i. */
  private static FloatVector quarters(FloatVector a0, FloatVector a1, FloatVector a2, FloatVector a3) {
    FloatVector half02 = a0.blend(a2, IN_8).add(a2.blend(a0, IN_8).rearrange(SWAP_8));
    FloatVector half13 = a1.blend(a3, IN_8).add(a3.blend(a1, IN_8).rearrange(SWAP_8));
    return half02.blend(half13, IN_4).add(half13.blend(half02, IN_4).rearrange(SWAP_4));
  }

  /** Folds quarters to sums: {@code sums[4i]} the {@code i}th. */
  private void sums(FloatVector a) {
    FloatVector pairs = a.add(a.rearrange(SWAP_2));
    pairs.add(pairs.rearrange(SWAP_1)).intoArray(sums, 0);
  }

  /** Folds quarters of two rows to sums: {@code sums[4i]} the {@code i}th of a, {@code sums[4i + 2]} of b. */
  private void sums(FloatVector a, FloatVector b) {
    FloatVector pairs = a.blend(b, IN_2).add(b.blend(a, IN_2).rearrange(SWAP_2));
    pairs.add(pairs.rearrange(SWAP_1)).intoArray(sums, 0);
  }

  private static VectorShuffle<Float> swap(int lanes) {
    return VectorShuffle.fromOp(F, i -> (i ^ lanes) % STEP);
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
    addTail(x, offset + whole, x, offset + whole, width - whole, 0);
    float inverse = 1f / (float) Math.sqrt(fold(0) / width + eps);
    for (int i = 0; i < width; i++) {
      out[offset + i] = weight[i] * (x[offset + i] * inverse);
    }
  }

  @Override
  public void rope(float[] x, int offset, int heads, RopeTable table, int position) {
    plain.rope(x, offset, heads, table, position);
  }

  @Override
  public void attention(KvPages cache, int kvHead, int positions, float[] q, int offset, float[] out) {
    int whole = Math.ceilDiv(positions, LANES) * LANES;
    scores = Scratch.atLeast(scores, whole + cache.keyStride());
    score(cache, kvHead, positions, q, offset);
    Arrays.fill(scores, positions, whole, Float.NEGATIVE_INFINITY); // e^x of it is 0: it counts for nothing below
    FloatVector most = FloatVector.broadcast(F, Float.NEGATIVE_INFINITY);
    for (int p = 0; p < whole; p += STEP) {
      most = most.max(FloatVector.fromArray(F, scores, p));
    }
    float largest = most.reduceLanes(VectorOperators.MAX); // the same in any order
    for (int lane = 0; lane < LANES; lane += STEP) {
      FloatVector total = FloatVector.zero(F);
      for (int p = lane; p < whole; p += LANES) {
        FloatVector weight = exp(FloatVector.fromArray(F, scores, p).sub(largest));
        weight.intoArray(scores, p);
        total = total.add(weight);
      }
      total.intoArray(lanes, lane);
    }
    mix(cache, kvHead, positions, fold(0), offset, out);
  }

  /** Fills scores with q · k / sqrt(HD); lanes are positions, the sum over HD is taken in order. */
  private void score(KvPages cache, int kvHead, int positions, float[] q, int offset) {
    float scale = (float) (1 / Math.sqrt(cache.headDim()));
    for (int page = 0; page < positions; page += cache.pagePositions()) {
      float[] keys = cache.keys(page);
      int start = cache.keyOffset(kvHead, page);
      int held = Math.min(cache.pagePositions(), positions - page);
      int p = 0;
      for (; p < held && p + 4 * STEP <= cache.keyStride(); p += 4 * STEP) {
        fourScores(keys, start + p, cache, q, offset, scale, page + p);
      }
      for (; p < held; p += STEP) {
        FloatVector s = FloatVector.zero(F);
        for (int i = 0; i < cache.headDim(); i++) {
          s = FloatVector.fromArray(F, keys, start + p + i * cache.keyStride())
              .fma(FloatVector.broadcast(F, q[offset + i]), s);
        }
        s.mul(scale).intoArray(scores, page + p);
      }
    }
  }

  private void fourScores(float[] keys, int start, KvPages cache, float[] q, int offset, float scale, int into) {
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

  /** {@code out = sum of scores[p] * value[p], p rising, / total}; lanes are dimensions. */
  private void mix(KvPages cache, int kvHead, int positions, float total, int offset, float[] out) {
    int width = cache.headDim();
    int d = 0;
    for (; d + 2 * STEP <= width; d += 2 * STEP) {
      FloatVector sum0 = FloatVector.zero(F);
      FloatVector sum1 = sum0;
      for (int page = 0; page < positions; page += cache.pagePositions()) {
        float[] values = cache.values(page);
        int at = cache.valueOffset(kvHead, page) + d;
        int held = Math.min(cache.pagePositions(), positions - page);
        for (int p = 0; p < held; p++) {
          FloatVector share = FloatVector.broadcast(F, scores[page + p]);
          sum0 = FloatVector.fromArray(F, values, at + p * width).fma(share, sum0);
          sum1 = FloatVector.fromArray(F, values, at + p * width + STEP).fma(share, sum1);
        }
      }
      sum0.div(total).intoArray(out, offset + d);
      sum1.div(total).intoArray(out, offset + d + STEP);
    }
    for (; d < width; d += STEP) {
      VectorMask<Float> in = F.indexInRange(d, width);
      FloatVector sum = FloatVector.zero(F);
      for (int page = 0; page < positions; page += cache.pagePositions()) {
        float[] values = cache.values(page);
        int at = cache.valueOffset(kvHead, page) + d;
        int held = Math.min(cache.pagePositions(), positions - page);
        for (int p = 0; p < held; p++) {
          FloatVector share = FloatVector.broadcast(F, scores[page + p]);
          sum = FloatVector.fromArray(F, values, at + p * width, in).fma(share, sum);
        }
      }
      sum.div(total).intoArray(out, offset + d, in);
    }
  }

  @Override
  public void swiGlu(float[] gate, float[] up, int from, int to) {
    for (int i = from; i < to; i += STEP) {
      VectorMask<Float> in = F.indexInRange(i, to);
      FloatVector g = FloatVector.fromArray(F, gate, i, in);
      FloatVector silu = g.div(exp(g.neg()).add(1f));
      silu.mul(FloatVector.fromArray(F, up, i, in)).intoArray(gate, i, in);
    }
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
    IntVector exponent = shifted.reinterpretAsInts().sub(Float.floatToRawIntBits(ROUNDING)).add(127);
    FloatVector power = p.mul(exponent.lanewise(VectorOperators.LSHL, 23).reinterpretAsFloats());
    return power.blend(0f, x.compare(VectorOperators.LT, -87f));
  }
}
