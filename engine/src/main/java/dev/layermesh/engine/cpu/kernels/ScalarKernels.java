package dev.layermesh.engine.cpu.kernels;

import dev.layermesh.engine.checkpoint.TensorView;
import dev.layermesh.engine.packed.PackedFormat;

/**
 * The reference: plain Java, no fused multiply-add, transcendental functions from {@link StrictMath}, so that it gives
 * the same bits interpreted, compiled and on every machine. Kept for ever; faster kernels are measured against it.
 */
public final class ScalarKernels implements Kernels {
  private final FloatArray weightRow = new FloatArray();
  private final FloatArray scoreRow = new FloatArray();
  private final FloatArray wide = new FloatArray();

  @Override
  public String name() {
    return "scalar";
  }

  @Override
  public void matmul(Matrix w, int from, int to, Activations x, FloatArray out) {
    if (!(w instanceof StoredMatrix(TensorView view))) {
      throw new IllegalStateException(w.name() + " is packed, the reference reads weights as they are stored");
    }
    int inner = view.columns();
    weightRow.reserve(inner);
    for (int c = from; c < to; c++) {
      view.widen(c, 0, weightRow.array(), 0);
      for (int t = 0; t < x.rows(); t++) {
        out.array()[t * view.rows() + c] = dot(weightRow.array(), 0, x.values().array(), t * inner, inner);
      }
    }
  }

  @Override
  public void quantize(Activations x, int from, int to) {
    float[] values = x.values().array();
    for (int i = from; i < to; i++) {
      int start = i * PackedFormat.BLOCK;
      float most = 0;
      for (int j = 0; j < PackedFormat.BLOCK; j++) {
        most = Math.max(most, Math.abs(values[start + j]));
      }
      float scale = most / Activations.LARGEST_QUANT;
      float inverse = Activations.inverse(scale);
      int sum = 0;
      for (int j = 0; j < PackedFormat.BLOCK; j++) {
        int quant = (int) Math.rint(values[start + j] * inverse);
        x.quants()[start + j] = (byte) quant;
        sum += quant;
      }
      x.describe(i, scale, sum);
    }
  }

  @Override
  public void rmsNorm(float[] x, int offset, float[] weight, float eps, float[] out) {
    int width = weight.length;
    float meanSquare = dot(x, offset, x, offset, width) / width;
    float inverse = 1f / (float) Math.sqrt(meanSquare + eps);
    for (int i = 0; i < width; i++) {
      out[offset + i] = weight[i] * (x[offset + i] * inverse);
    }
  }

  @Override
  public void rope(float[] x, int offset, int heads, RopeTable table, int position) {
    int half = table.pairs();
    float[] cos = table.cos();
    float[] sin = table.sin();
    int at = position * half;
    for (int head = 0; head < heads; head++) {
      int low = offset + head * 2 * half;
      int high = low + half;
      for (int i = 0; i < half; i++) {
        float a = x[low + i];
        float b = x[high + i];
        x[low + i] = a * cos[at + i] - b * sin[at + i];
        x[high + i] = b * cos[at + i] + a * sin[at + i];
      }
    }
  }

  @Override
  public void widenKeys(KvPage.Quants page, int kvHead, int positions, FloatArray out) {
    int stride = page.shape().keyStride();
    int headDim = page.shape().headDim();
    for (int i = kvHead * headDim; i < (kvHead + 1) * headDim; i++) {
      for (int p = 0; p < positions; p++) {
        out.array()[i * stride + p] =
            page.keyScales()[i / PackedFormat.BLOCK * stride + p] * page.keys()[i * stride + p];
      }
    }
  }

  @Override
  public void widenValues(KvPage.Quants page, int kvHead, int positions, FloatArray out) {
    int first = page.shape().valueOffset(kvHead, 0);
    for (int i = first; i < page.shape().valueOffset(kvHead, positions); i++) {
      out.array()[i] = page.valueScales()[i / PackedFormat.BLOCK] * page.values()[i];
    }
  }

  @Override
  public void attention(KvPages cache, int kvHead, int heads, int positions, float[] q, int offset, float[] out) {
    for (int head = 0; head < heads; head++) {
      attention(cache, kvHead, positions, q, offset + head * cache.headDim(), out);
    }
  }

  private void attention(KvPages cache, int kvHead, int positions, float[] q, int offset, float[] out) {
    int width = cache.headDim();
    float scale = (float) (1 / Math.sqrt(width));
    scoreRow.reserve(positions);
    float[] scores = scoreRow.array();
    float largest = Float.NEGATIVE_INFINITY;
    for (int page = 0; page < positions; page += cache.pagePositions()) {
      int held = Math.min(cache.pagePositions(), positions - page);
      float[] keys = cache.keys(kvHead, page, held, this, wide);
      for (int p = 0; p < held; p++) {
        int at = cache.keyOffset(kvHead) + p;
        float score = 0;
        for (int i = 0; i < width; i++) {
          score += q[offset + i] * keys[at + i * cache.keyStride()];
        }
        scores[page + p] = scale * score;
        largest = Math.max(largest, scores[page + p]);
      }
    }
    float total = 0;
    for (int p = 0; p < positions; p++) {
      scores[p] = (float) StrictMath.exp(scores[p] - largest);
      total += scores[p];
    }
    for (int i = 0; i < width; i++) {
      out[offset + i] = 0;
    }
    for (int page = 0; page < positions; page += cache.pagePositions()) {
      int held = Math.min(cache.pagePositions(), positions - page);
      float[] values = cache.values(kvHead, page, held, this, wide);
      for (int p = 0; p < held; p++) {
        int at = cache.valueOffset(kvHead) + p * width;
        float weight = scores[page + p] / total;
        for (int i = 0; i < width; i++) {
          out[offset + i] += weight * values[at + i];
        }
      }
    }
  }

  @Override
  public void swiGlu(float[] gate, float[] up, int from, int to) {
    for (int i = from; i < to; i++) {
      gate[i] = gate[i] / (1f + (float) StrictMath.exp(-gate[i])) * up[i];
    }
  }

  @Override
  public void add(float[] x, float[] delta, int from, int to) {
    for (int i = from; i < to; i++) {
      x[i] += delta[i];
    }
  }

  /** Four interleaved partial sums: one alone would wait for the adder. */
  private static float dot(float[] a, int aOffset, float[] b, int bOffset, int length) {
    float sum0 = 0;
    float sum1 = 0;
    float sum2 = 0;
    float sum3 = 0;
    int i = 0;
    for (; i + 3 < length; i += 4) {
      sum0 += a[aOffset + i] * b[bOffset + i];
      sum1 += a[aOffset + i + 1] * b[bOffset + i + 1];
      sum2 += a[aOffset + i + 2] * b[bOffset + i + 2];
      sum3 += a[aOffset + i + 3] * b[bOffset + i + 3];
    }
    for (; i < length; i++) {
      sum0 += a[aOffset + i] * b[bOffset + i];
    }
    return (sum0 + sum2) + (sum1 + sum3);
  }
}
