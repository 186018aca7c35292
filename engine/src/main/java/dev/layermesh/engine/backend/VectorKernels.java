package dev.layermesh.engine.backend;

import dev.layermesh.engine.checkpoint.DType;
import dev.layermesh.engine.checkpoint.TensorView;
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
  private static final float ROUNDING = 0x1.8p23f; // added and taken off again, rounds to a whole number
  private static final ByteOrder LITTLE = ByteOrder.LITTLE_ENDIAN;

  private final Kernels plain = new ScalarKernels(); // for verbs that the compiler vectorizes by itself
  private final float[] lanes = new float[2 * COLUMNS * LANES]; // of the sums of a tile
  private final float[] sums = new float[2 * COLUMNS];
  private final int[] starts = new int[COLUMNS]; // of the four rows of a tile or page
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
      if (rows == 1 && w.dtype() != DType.F16) {
        oneRow(w, c, columns, x, out);
      } else {
        manyRows(w, c, columns, x, rows, out);
      }
    }
  }

  /** Weights are used once: converted in registers. */
  private void oneRow(TensorView w, int first, int columns, float[] x, float[] out) {
    int inner = w.columns();
    int whole = inner - inner % LANES;
    int last = first + columns - 1;
    long o0 = Elements.offset(w, first);
    long o1 = Elements.offset(w, Math.min(first + 1, last));
    long o2 = Elements.offset(w, Math.min(first + 2, last));
    long o3 = Elements.offset(w, Math.min(first + 3, last));
    if (w.dtype() == DType.BF16) {
      bf16Dots(w.data(), o0, o1, o2, o3, x, whole);
    } else {
      f32Dots(w.data(), o0, o1, o2, o3, x, whole);
    }
    for (int i = 0; i < columns; i++) {
      if (whole < inner) {
        Elements.widen(w, first + i, whole, tile, 0);
        addTail(tile, 0, x, whole, inner - whole, i * LANES);
      }
      out[first + i] = fold(i * LANES);
    }
  }

  private void bf16Dots(MemorySegment w, long o0, long o1, long o2, long o3, float[] x, int whole) {
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
      a0.intoArray(lanes, lane);
      a1.intoArray(lanes, LANES + lane);
      a2.intoArray(lanes, 2 * LANES + lane);
      a3.intoArray(lanes, 3 * LANES + lane);
    }
  }

  private void f32Dots(MemorySegment w, long o0, long o1, long o2, long o3, float[] x, int whole) {
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
      a0.intoArray(lanes, lane);
      a1.intoArray(lanes, LANES + lane);
      a2.intoArray(lanes, 2 * LANES + lane);
      a3.intoArray(lanes, 3 * LANES + lane);
    }
  }

  private static FloatVector bf16(MemorySegment w, long offset) {
    IntVector bits = (IntVector) ShortVector.fromMemorySegment(S, w, offset, LITTLE)
        .convertShape(VectorOperators.S2I, I, 0);
    return bits.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats();
  }

  /** Weights are used again: converted once, and two rows at a time share their loads. */
  private void manyRows(TensorView w, int first, int columns, float[] x, int rows, float[] out) {
    int inner = w.columns();
    for (int i = 0; i < COLUMNS; i++) {
      starts[i] = Math.min(i, columns - 1) * inner;
      Elements.widen(w, first + Math.min(i, columns - 1), 0, tile, starts[i]);
    }
    int t = 0;
    for (; t + 1 < rows; t += 2) {
      pairOfDots(tile, starts, x, t * inner, inner);
      for (int i = 0; i < columns; i++) {
        out[t * w.rows() + first + i] = sums[i];
        out[(t + 1) * w.rows() + first + i] = sums[COLUMNS + i];
      }
    }
    if (t < rows) {
      dots(tile, starts, x, t * inner, inner);
      for (int i = 0; i < columns; i++) {
        out[t * w.rows() + first + i] = sums[i];
      }
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
    sumColumns(w, at, x, xAt + inner, inner, COLUMNS);
  }

  private void sumColumns(float[] w, int[] at, float[] x, int xAt, int inner, int sum) {
    int tail = inner % LANES;
    int whole = inner - tail;
    for (int i = 0; i < COLUMNS; i++) {
      addTail(w, at[i] + whole, x, xAt + whole, tail, (sum + i) * LANES);
      sums[sum + i] = fold((sum + i) * LANES);
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
    scores = Scratch.atLeast(scores, positions);
    float largest = score(cache, kvHead, positions, q, offset);
    for (int p = 0; p < positions; p += STEP) {
      VectorMask<Float> in = F.indexInRange(p, positions);
      exp(FloatVector.fromArray(F, scores, p, in).sub(largest)).intoArray(scores, p, in);
    }
    float total = 0;
    for (int p = 0; p < positions; p++) {
      total += scores[p];
    }
    mix(cache, kvHead, positions, total, offset, out);
  }

  /** Fills scores with q · k / sqrt(HD) of every position; the largest. */
  private float score(KvPages cache, int kvHead, int positions, float[] q, int offset) {
    int width = cache.headDim();
    float scale = (float) (1 / Math.sqrt(width));
    float largest = Float.NEGATIVE_INFINITY;
    for (int page = 0; page < positions; page += cache.pagePositions()) {
      float[] keys = cache.keys(page);
      int start = cache.offset(kvHead, page);
      int held = Math.min(cache.pagePositions(), positions - page);
      for (int p = 0; p < held; p += COLUMNS) {
        for (int i = 0; i < COLUMNS; i++) {
          starts[i] = start + Math.min(p + i, held - 1) * width;
        }
        dots(keys, starts, q, offset, width);
        for (int i = 0; i < Math.min(COLUMNS, held - p); i++) {
          float score = scale * sums[i];
          scores[page + p + i] = score;
          largest = Math.max(largest, score);
        }
      }
    }
    return largest;
  }

  /** {@code out = sum of scores[p] * value[p], p rising, / total}. */
  private void mix(KvPages cache, int kvHead, int positions, float total, int offset, float[] out) {
    int width = cache.headDim();
    for (int d = 0; d < width; d += STEP) {
      VectorMask<Float> in = F.indexInRange(d, width);
      FloatVector sum = FloatVector.zero(F);
      for (int page = 0; page < positions; page += cache.pagePositions()) {
        float[] values = cache.values(page);
        int at = cache.offset(kvHead, page) + d;
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
   * e^x to about 1e-7, out of exactly rounded operations alone: x = n ln 2 + r, |r| ≤ ln 2 / 2, with ln 2 in two parts
   * (Cody and Waite), and the Taylor polynomial of degree 7 in r. Arguments are held in [-87, 88], where 2^n is normal.
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
    return p.mul(exponent.lanewise(VectorOperators.LSHL, 23).reinterpretAsFloats());
  }
}
