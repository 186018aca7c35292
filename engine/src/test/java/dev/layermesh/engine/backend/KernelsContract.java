package dev.layermesh.engine.backend;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.layermesh.engine.checkpoint.DType;
import dev.layermesh.engine.checkpoint.RowOrder;
import dev.layermesh.engine.checkpoint.TensorView;
import java.util.Arrays;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What every family of kernels computes, against the definition in float64. A float32 sum of n products errs by at most
 * n * 2^-24 times the sum of their magnitudes, and by about sqrt(n) * 2^-24 in practice: 1e-6 is 16 roundings, several
 * times what is seen at n = 702.
 */
@Timeout(60)
abstract class KernelsContract {
  private static final double TOLERANCE = 1e-6;
  private static final int[] AWKWARD = {1, 4, 6, 13, 16, 33, 207, 702};

  private final Random random = new Random(7);

  abstract Kernels kernels();

  @ParameterizedTest
  @EnumSource(names = {"F32", "F16", "BF16"})
  void shouldMultiplyByMatricesOfAwkwardSizes(DType dtype) {
    for (int inner : AWKWARD) {
      for (int columns : AWKWARD) {
        TensorView w = Weight.random(random, dtype, 1, columns, inner);
        for (int rows : new int[] {1, 2, 3}) {
          float[] x = randoms(rows * inner);
          float[] out = new float[rows * columns];
          kernels().matmul(w, 0, columns, x, rows, out);
          for (int c = 0; c < columns; c++) {
            float[] weights = Weight.row(w, c);
            for (int t = 0; t < rows; t++) {
              assertDot(out[t * columns + c], weights, 0, x, t * inner, inner);
            }
          }
        }
      }
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"F32", "F16", "BF16"})
  void shouldComputeAnElementTheSameWithAnyRowsAndColumnsBesideIt(DType dtype) {
    Kernels kernels = kernels();
    for (int inner : AWKWARD) {
      int columns = 13;
      int rows = 17;
      TensorView w = Weight.random(random, dtype, 1, columns, inner);
      float[] x = randoms(rows * inner);
      float[] alone = new float[rows * columns];
      for (int t = 0; t < rows; t++) {
        float[] out = new float[columns];
        for (int c = 0; c < columns; c++) {
          kernels.matmul(w, c, c + 1, Arrays.copyOfRange(x, t * inner, (t + 1) * inner), 1, out);
        }
        System.arraycopy(out, 0, alone, t * columns, columns);
      }
      for (int together : new int[] {1, 2, 3, 5, 8, 17}) {
        for (int split : new int[] {0, 1, 3, 6, 13}) {
          float[] out = new float[together * columns];
          kernels.matmul(w, 0, split, x, together, out);
          kernels.matmul(w, split, columns, x, together, out);
          assertThat(out).isEqualTo(Arrays.copyOf(alone, out.length));
        }
      }
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"F32", "F16", "BF16"}, mode = EnumSource.Mode.EXCLUDE)
  void shouldMultiplyByQuantizedMatrices(DType dtype) {
    int inner = 3 * 256;
    int columns = 12;
    TensorView w = Weight.blocks(random, dtype, new RowOrder.InterleavedPairs(6), columns, inner);
    float[] x = randoms(3 * inner);
    float[] together = new float[3 * columns];
    kernels().matmul(w, 0, columns, x, 3, together);
    for (int c = 0; c < columns; c++) {
      float[] weights = Weight.row(w, c);
      for (int t = 0; t < 3; t++) {
        assertDot(together[t * columns + c], weights, 0, x, t * inner, inner);
        float[] alone = new float[columns];
        kernels().matmul(w, c, c + 1, Arrays.copyOfRange(x, t * inner, (t + 1) * inner), 1, alone);
        assertThat(alone[c]).isEqualTo(together[t * columns + c]);
      }
    }
  }

  @Test
  void shouldWriteOnlyTheColumnsAskedFor() {
    TensorView w = Weight.random(random, DType.BF16, 1, 13, 33);
    float[] out = new float[2 * 13];
    Arrays.fill(out, 42);
    kernels().matmul(w, 3, 8, randoms(2 * 33), 2, out);
    assertThat(IntStream.range(0, 26).filter(i -> out[i] == 42).map(i -> i % 13))
        .containsExactly(0, 1, 2, 8, 9, 10, 11, 12, 0, 1, 2, 8, 9, 10, 11, 12);
  }

  @Test
  void shouldReadEveryHalfPrecisionNumber() {
    float[] all = new float[1 << 16];
    for (int bits = 0; bits < all.length; bits++) {
      all[bits] = Float.float16ToFloat((short) bits);
    }
    for (int inner : new int[] {1, 16}) { // one alone, and as many as a vector has
      TensorView w = Weight.of(DType.F16, all, all.length / inner, inner);
      float[] out = new float[2 * w.rows()];
      for (int i = 0; i < inner; i++) {
        float[] x = new float[2 * inner];
        x[i] = 1;
        kernels().matmul(w, 0, w.rows(), x, 2, out);
        for (int row = 0; row < w.rows(); row++) {
          float[] others = Weight.row(w, row);
          boolean finite = IntStream.range(0, inner).allMatch(j -> Float.isFinite(others[j]));
          float expected = finite || inner == 1 ? others[i] + 0f : Float.NaN; // 0 * infinity joins the sum
          assertThat(out[row]).isEqualTo(Float.valueOf(expected)); // boxed: NaN equals NaN
        }
      }
    }
  }

  @Test
  void shouldNormByRootMeanSquare() {
    for (int width : AWKWARD) {
      float[] x = randoms(3 * width);
      float[] weight = randoms(width);
      float[] out = new float[3 * width];
      kernels().rmsNorm(x, width, weight, 1e-5f, out);
      double meanSquare = IntStream.range(0, width).mapToDouble(i -> Math.pow(x[width + i], 2)).sum() / width;
      for (int i = 0; i < width; i++) {
        double expected = weight[i] * x[width + i] / Math.sqrt(meanSquare + 1e-5f);
        assertThat((double) out[width + i]).isCloseTo(expected, within(TOLERANCE * Math.abs(expected)));
      }
    }
  }

  @Test
  void shouldTurnFirstAndSecondHalvesOfHeads() {
    RopeTable table = new RopeTable(new float[] {1f, 0.1f, 0.01f});
    table.reach(8);
    float[] x = randoms(2 + 2 * 6);
    float[] turned = x.clone();
    kernels().rope(turned, 2, 2, table, 7);
    for (int head = 0; head < 2; head++) {
      for (int i = 0; i < 3; i++) {
        double angle = 7 * Math.pow(0.1, i);
        int low = 2 + head * 6 + i;
        double a = x[low] * Math.cos(angle) - x[low + 3] * Math.sin(angle);
        double b = x[low + 3] * Math.cos(angle) + x[low] * Math.sin(angle);
        assertThat((double) turned[low]).isCloseTo(a, within(2e-6));
        assertThat((double) turned[low + 3]).isCloseTo(b, within(2e-6));
      }
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {2, 6, 16, 24, 32, 66, 128})
  void shouldAttendOverAllPositionsWhateverThePageSize(int headDim) {
    int kvHeads = 2;
    Kernels kernels = kernels();
    for (int positions : new int[] {1, 2, 5, 64, 65, 207}) {
      float[] k = randoms(positions * kvHeads * headDim);
      float[] v = randoms(positions * kvHeads * headDim);
      float[] q = randoms(3 * headDim);
      float[] reference = attended(kernels, pages(k, v, positions, kvHeads, headDim, 64), positions, q, headDim);
      for (int i = 0; i < headDim; i++) {
        assertThat((double) reference[headDim + i]).isCloseTo(attention(k, v, q, positions, headDim, i), within(3e-6));
      }
      for (int pagePositions : new int[] {1, 3, 16, 1000}) {
        KvPages other = pages(k, v, positions, kvHeads, headDim, pagePositions);
        assertThat(attended(kernels, other, positions, q, headDim)).isEqualTo(reference);
      }
    }
  }

  @Test
  void shouldGateBySiluOverTheWholeRangeOfFloats() {
    float[] gate = {
        0, 1, -1, 20, -20, 87.9f, -87.9f, 100, -100, 1e30f, -1e30f, 1e-30f, 0.3465f, -0.3466f, 3.5f, -7, 12};
    for (int count = 1; count <= gate.length; count++) {
      float[] up = randoms(count);
      float[] out = Arrays.copyOf(gate, count);
      kernels().swiGlu(out, up, 0, count);
      for (int i = 0; i < count; i++) {
        double expected = gate[i] / (1 + Math.exp(-(double) gate[i])) * up[i];
        double belowScale = 1e-36 * Math.abs(gate[i]); // a kernel's e^x may stop at e^88
        assertThat((double) out[i]).isCloseTo(expected, within(TOLERANCE * Math.abs(expected) + belowScale));
      }
    }
  }

  @Test
  void shouldGateAnElementTheSameInAnyRange() {
    float[] gate = randoms(207);
    float[] up = randoms(207);
    float[] whole = gate.clone();
    kernels().swiGlu(whole, up, 0, 207);
    float[] parts = gate.clone();
    int[] cuts = {0, 1, 6, 19, 83, 207};
    for (int i = 1; i < cuts.length; i++) {
      kernels().swiGlu(parts, up, cuts[i - 1], cuts[i]);
    }
    assertThat(parts).isEqualTo(whole);
  }

  @Test
  void shouldAddWithinTheRange() {
    float[] x = {1, 2, 3, 4};
    kernels().add(x, new float[] {10, 20, 30, 40}, 1, 3);
    assertThat(x).containsExactly(1, 22, 33, 4);
  }

  private float[] randoms(int count) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }

  private static void assertDot(float actual, float[] a, int aOffset, float[] b, int bOffset, int length) {
    double sum = 0;
    double magnitude = 0;
    for (int i = 0; i < length; i++) {
      double product = (double) a[aOffset + i] * b[bOffset + i];
      sum += product;
      magnitude += Math.abs(product);
    }
    assertThat((double) actual).isCloseTo(sum, within(TOLERANCE * magnitude));
  }

  private static KvPages pages(float[] k, float[] v, int positions, int kvHeads, int headDim, int pagePositions) {
    KvPages pages = TestPages.of(kvHeads, headDim, pagePositions, positions);
    for (int p = 0; p < positions; p++) {
      pages.put(p, k, v, p * kvHeads * headDim);
    }
    return pages;
  }

  /** Head 1 of three queries over key/value head 1. */
  private static float[] attended(Kernels kernels, KvPages pages, int positions, float[] q, int headDim) {
    float[] out = new float[q.length];
    kernels.attention(pages, 1, positions, q, headDim, out);
    return out;
  }

  private static double attention(float[] k, float[] v, float[] q, int positions, int headDim, int element) {
    double total = 0;
    double sum = 0;
    for (int p = 0; p < positions; p++) {
      int at = (p * 2 + 1) * headDim;
      double score = 0;
      for (int i = 0; i < headDim; i++) {
        score += (double) k[at + i] * q[headDim + i];
      }
      double weight = Math.exp(score / Math.sqrt(headDim));
      total += weight;
      sum += weight * v[at + element];
    }
    return sum / total;
  }
}
