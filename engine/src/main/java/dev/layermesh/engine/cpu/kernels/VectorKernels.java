package dev.layermesh.engine.cpu.kernels;

import static dev.layermesh.engine.cpu.kernels.Lanes.BYTES;
import static dev.layermesh.engine.cpu.kernels.Lanes.F;
import static dev.layermesh.engine.cpu.kernels.Lanes.I;
import static dev.layermesh.engine.cpu.kernels.Lanes.STEP;

import dev.layermesh.engine.packed.PackedFormat;
import java.util.Arrays;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

/**
 * SIMD kernels with the same bits on every width. Where lanes must meet they are folded in halves: {@code reduceLanes}
 * does not serve for sums, since its order is not specified.
 *
 * <p>The C kernels take the same steps in the same order and agree with these to the last bit.
 */
public final class VectorKernels implements Kernels {
  private static final int LANES = PackedFormat.LANES; // of a logical vector: one 512-bit register
  private static final int BLOCK = PackedFormat.BLOCK;
  private static final float ROUNDING = 0x1.8p23f; // added and taken off again, rounds to a whole number
  private static final int ROUNDING_BITS = Float.floatToRawIntBits(ROUNDING);

  private final Kernels plain = new ScalarKernels(); // for verbs that the compiler vectorizes by itself
  private final VectorProducts products = new VectorProducts();
  private final float[] lanes = new float[LANES];
  private final FloatArray scoreRows = new FloatArray(); // [heads, positions]
  private final FloatArray totals = new FloatArray(); // [heads]
  private final FloatArray wide = new FloatArray(); // keys or values of a page

  @Override
  public String name() {
    return PackedFormat.FAMILY;
  }

  @Override
  public void matmul(Matrix w, int from, int to, Activations x, FloatArray out) {
    products.multiply(PackedMatrix.of(w), from, to, x, out.array());
  }

  @Override
  public boolean spreadsQuants() {
    return true;
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
  public void widenKeys(KvPage.Quants page, int kvHead, int positions, FloatArray out) {
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
  public void widenValues(KvPage.Quants page, int kvHead, int positions, FloatArray out) {
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
      totals.array()[head] = softmaxNumerators(scores, head * row, positions);
    }
    Arrays.fill(out, offset, offset + heads * width, 0);
    for (int page = 0; page < positions; page += cache.pagePositions()) {
      int held = Math.min(cache.pagePositions(), positions - page);
      float[] values = cache.values(kvHead, page, held, this, wide);
      for (int head = 0; head < heads; head++) {
        weightedSum(
            values, cache.valueOffset(kvHead), width, held, scores, head * row + page, out, offset + head * width);
      }
    }
    for (int head = 0; head < heads; head++) {
      for (int i = offset + head * width; i < offset + (head + 1) * width; i++) {
        out[i] /= totals.array()[head];
      }
    }
  }

  /** Makes a row of scores the numerators of its softmax, e^(score - the largest), and returns their sum. */
  private float softmaxNumerators(float[] scores, int start, int positions) {
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

  /** Adds the weighted values of a page to out, positions in order; lanes are dimensions. */
  private static void weightedSum(
      float[] values, int start, int width, int held, float[] weights, int first, float[] out, int into) {
    int d = 0;
    for (; d + 2 * STEP <= width; d += 2 * STEP) {
      FloatVector sum0 = FloatVector.fromArray(F, out, into + d);
      FloatVector sum1 = FloatVector.fromArray(F, out, into + d + STEP);
      int at = start + d;
      for (int p = 0; p < held; p++) {
        FloatVector weight = FloatVector.broadcast(F, weights[first + p]);
        sum0 = FloatVector.fromArray(F, values, at).fma(weight, sum0);
        sum1 = FloatVector.fromArray(F, values, at + STEP).fma(weight, sum1);
        at += width;
      }
      sum0.intoArray(out, into + d);
      sum1.intoArray(out, into + d + STEP);
    }
    for (; d < width; d += STEP) {
      VectorMask<Float> in = F.indexInRange(d, width);
      FloatVector sum = FloatVector.fromArray(F, out, into + d, in);
      for (int p = 0; p < held; p++) {
        FloatVector weight = FloatVector.broadcast(F, weights[first + p]);
        sum = FloatVector.fromArray(F, values, start + p * width + d, in).fma(weight, sum);
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
