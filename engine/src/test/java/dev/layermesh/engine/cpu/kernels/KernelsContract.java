package dev.layermesh.engine.cpu.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.layermesh.engine.backend.Weight;
import dev.layermesh.engine.checkpoint.DType;
import dev.layermesh.engine.checkpoint.Quants;
import dev.layermesh.engine.checkpoint.TensorView;
import dev.layermesh.engine.kv.KvType;
import dev.layermesh.engine.packed.PackedFormat;
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
 * times the error seen at n = 702. Where a product takes x in blocks of 8-bit numbers, the definition takes those
 * numbers; compared with the original float32 x it errs by as much as the quantization does.
 */
@Timeout(60)
abstract class KernelsContract {
  private static final double TOLERANCE = 1e-6;
  private static final int[] AWKWARD = {1, 4, 6, 13, 16, 33, 207, 702};
  private static final int[] COLUMNS = {1, 13, 31, 33, 50, 64}; // of a product: a vector and a half, groups …
  private static final int MOST_ROWS = 40; // one tile, several, and as many as are streamed in wider chunks

  private final Random random = new Random(7);

  abstract Kernels kernels();

  /** Weights in the form that the kernels read. */
  abstract Matrix matrix(TensorView weights);

  /** Lengths of rows: in blocks, as many as a chunk of the C kernels has, fewer, more and many more. */
  private static int[] inners(DType dtype) {
    return switch (dtype.blockWeights()) {
      case 1 -> AWKWARD;
      case 32 -> new int[] {32, 96, 128, 160, 704};
      default -> new int[] {256, 768};
    };
  }

  @ParameterizedTest
  @EnumSource
  void shouldMultiplyByMatricesOfAwkwardSizes(DType dtype) {
    Kernels kernels = kernels();
    for (int inner : inners(dtype)) {
      for (int columns : COLUMNS) {
        TensorView weights = Weight.matrix(random, dtype, columns, inner);
        Matrix w = matrix(weights);
        for (int rows : new int[] {1, 2, 5}) {
          Activations x = Products.input(kernels, w, randoms(rows * inner), rows);
          FloatArray out = new FloatArray(new float[rows * columns]);
          kernels.matmul(w, 0, w.parts(), x, out);
          for (int c = 0; c < columns; c++) {
            Row row = Row.of(weights, c);
            for (int t = 0; t < rows; t++) {
              row.requireProduct(out.array()[t * columns + c], x, t, w.takesQuants());
            }
          }
        }
      }
    }
  }

  /** A row of weights, and a bound for the magnitudes of the terms that each is computed from. */
  private record Row(float[] weights, double[] magnitudes) {

    static Row of(TensorView view, int index) {
      float[] weights = Weight.row(view, index);
      double[] magnitudes = new double[weights.length];
      var quants = new Quants();
      for (int i = 0; i < weights.length; i++) {
        if (view.dtype().quantized() && i % Quants.COUNT == 0) {
          quants.read(view.dtype(), view.data(), view.offset(index), i / Quants.COUNT);
        }
        // scale * quant may be large although the minimum cancels most of it
        magnitudes[i] = Math.abs(weights[i]) + (view.dtype().quantized() ? 2 * Math.abs(quants.minimum()) : 0);
      }
      return new Row(weights, magnitudes);
    }

    /** Checks a product: within {@link #TOLERANCE} of that with x as taken, within 8-bit steps of that with float32. */
    void requireProduct(float actual, Activations x, int t, boolean takesQuants) {
      double sum = 0; // of the weights with x as it is
      double taken = 0; // of the weights with x as it is taken
      double magnitude = 0;
      double steps = 0; // an element of a block is taken for another by at most half a step of its largest
      for (int i = 0; i < weights.length; i++) {
        int at = t * x.width() + i;
        float exact = x.values().array()[at];
        double scale = takesQuants ? x.scales().array()[at / PackedFormat.BLOCK] : 0;
        sum += (double) exact * weights[i];
        taken += weights[i] * (takesQuants ? scale * x.quants()[at] : exact);
        magnitude += magnitudes[i] * Math.max(Math.abs(exact), scale);
        steps += Math.abs(weights[i]) * scale / 2;
      }
      assertThat((double) actual).isCloseTo(taken, within(TOLERANCE * magnitude));
      assertThat((double) actual).isCloseTo(sum, within(TOLERANCE * magnitude + steps));
    }
  }

  /** To the last bit, whether a kernel takes rows one by one, in tiles or in streams of tiles. */
  @ParameterizedTest
  @EnumSource
  void shouldComputeAnElementTheSameWithAnyRowsAndPartsBesideIt(DType dtype) {
    Kernels kernels = kernels();
    int[] inners = inners(dtype);
    for (int inner : new int[] {inners[inners.length - 2], inners[inners.length - 1]}) {
      for (int columns : new int[] {13, 33, 64}) {
        Matrix w = matrix(Weight.matrix(random, dtype, columns, inner));
        float[] x = randoms(MOST_ROWS * inner);
        float[] alone = eachAlone(kernels, w, x);
        for (int rows = 1; rows <= MOST_ROWS; rows++) {
          assertThat(Products.product(kernels, w, x, rows))
              .as("%d rows of %d, %d columns", rows, inner, columns)
              .isEqualTo(Arrays.copyOf(alone, rows * columns));
        }
        for (int rows : new int[] {1, 3, 5, 33}) {
          for (int split : new int[] {0, 1, w.parts() / 2, w.parts()}) {
            float[] out = new float[rows * columns];
            Products.multiply(kernels, w, 0, split, x, rows, out);
            Products.multiply(kernels, w, split, w.parts(), x, rows, out);
            assertThat(out).isEqualTo(Arrays.copyOf(alone, out.length));
          }
        }
      }
    }
  }

  /** Every row and every part in a call of its own. */
  private static float[] eachAlone(Kernels kernels, Matrix w, float[] x) {
    float[] all = new float[MOST_ROWS * w.rows()];
    for (int t = 0; t < MOST_ROWS; t++) {
      float[] row = Arrays.copyOfRange(x, t * w.columns(), (t + 1) * w.columns());
      float[] out = new float[w.rows()];
      for (int part = 0; part < w.parts(); part++) {
        Products.multiply(kernels, w, part, part + 1, row, 1, out);
      }
      System.arraycopy(out, 0, all, t * w.rows(), w.rows());
    }
    return all;
  }

  @ParameterizedTest
  @EnumSource
  void shouldWriteOnlyThePartsAskedFor(DType dtype) {
    Matrix w = matrix(Weight.matrix(random, dtype, 70, 256));
    int partSize = w instanceof PackedMatrix ? PackedFormat.GROUP : 1;
    float[] out = new float[6 * 70];
    Arrays.fill(out, 42);
    Products.multiply(kernels(), w, 1, 2, randoms(6 * 256), 6, out);
    assertThat(IntStream.range(0, out.length).filter(i -> out[i] != 42).map(i -> i % 70).distinct())
        .containsExactlyElementsOf(IntStream.range(partSize, 2 * partSize).boxed().toList());
  }

  @Test
  void shouldReadEveryHalfPrecisionNumber() {
    float[] all = new float[1 << 16];
    for (int bits = 0; bits < all.length; bits++) {
      all[bits] = Float.float16ToFloat((short) bits);
    }
    for (int inner : new int[] {1, 16}) { // one alone, and as many as a vector has
      TensorView weights = Weight.of(DType.F16, all, all.length / inner, inner);
      Matrix w = matrix(weights);
      for (int i = 0; i < inner; i++) {
        float[] x = new float[2 * inner];
        x[i] = 1;
        float[] out = Products.product(kernels(), w, x, 2);
        for (int row = 0; row < w.rows(); row++) {
          float[] others = Weight.row(weights, row);
          boolean finite = IntStream.range(0, inner).allMatch(j -> Float.isFinite(others[j]));
          float expected = finite || inner == 1 ? others[i] + 0f : Float.NaN; // 0 * infinity joins the sum
          assertThat(out[row]).isEqualTo(Float.valueOf(expected)); // boxed: NaN equals NaN
        }
      }
    }
  }

  @Test
  void shouldQuantizeBlocksToStepsOfTheirLargestElement() {
    float[] x = randoms(5 * 2 * 32);
    for (int i = 0; i < 32; i++) {
      x[32 + i] = 0;
      x[2 * 32 + i] *= 1e38f;
      x[3 * 32 + i] *= 1e-38f; // steps are subnormal: rounded to zero
      x[4 * 32 + i] = i == 7 ? -127 : i - 15.5f; // halves go to the even step
    }
    Activations quantized = Activations.of(x, 5, 2 * 32);
    kernels().quantize(quantized, 0, 10);
    for (int block = 0; block < 10; block++) {
      float most = 0;
      int sum = 0;
      float scale = quantized.scales().array()[block];
      for (int i = 32 * block; i < 32 * (block + 1); i++) {
        most = Math.max(most, Math.abs(x[i]));
        int quant = quantized.quants()[i];
        sum += quant;
        double exact = scale < Float.MIN_NORMAL ? 0 : (double) x[i] / scale;
        assertThat((double) quant).isCloseTo(exact, within(0.5 + 1e-5));
      }
      assertThat(scale).isEqualTo(most / 127);
      assertThat(quantized.biases()[block]).isEqualTo(-128 * sum);
      assertThat(quantized.sums().array()[block]).isEqualTo(scale * sum);
    }
    assertThat(Arrays.copyOfRange(quantized.quants(), 4 * 32, 4 * 32 + 10))
        .containsExactly(-16, -14, -14, -12, -12, -10, -10, -127, -8, -6);
  }

  /** All families quantize alike, because a family may multiply quants of another. */
  @Test
  void shouldQuantizeAsTheReferenceDoesAndOnlyTheBlocksAskedFor() {
    float[] x = randoms(40 * 96);
    Activations expected = Activations.of(x, 40, 96);
    new ScalarKernels().quantize(expected, 0, 120);
    Activations actual = Activations.of(x, 40, 96);
    kernels().quantize(actual, 7, 50);
    for (int block = 0; block < 120; block++) {
      boolean asked = block >= 7 && block < 50;
      assertThat(actual.scales().array()[block]).isEqualTo(asked ? expected.scales().array()[block] : 0);
      assertThat(actual.sums().array()[block]).isEqualTo(asked ? expected.sums().array()[block] : 0);
      assertThat(actual.biases()[block]).isEqualTo(asked ? expected.biases()[block] : 0);
      assertThat(Arrays.copyOfRange(actual.quants(), 32 * block, 32 * block + 32)).isEqualTo(
          asked ? Arrays.copyOfRange(expected.quants(), 32 * block, 32 * block + 32) : new byte[32]);
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
      float[] reference = attended(kernels, pages(k, v, kvHeads, headDim, 64), positions, q, headDim);
      for (int i = 0; i < headDim; i++) {
        assertThat((double) reference[headDim + i]).isCloseTo(attention(k, v, q, positions, headDim, i), within(3e-6));
      }
      for (int pagePositions : new int[] {1, 3, 16, 1000}) {
        KvPages other = pages(k, v, kvHeads, headDim, pagePositions);
        assertThat(attended(kernels, other, positions, q, headDim)).isEqualTo(reference);
      }
    }
  }

  /** To the last bit as over float32, and so near what was quantized as steps of 8 bits are. */
  @ParameterizedTest
  @ValueSource(ints = {32, 64, 96, 128})
  void shouldAttendOverPagesOf8BitNumbersAsOverTheNumbersTheyStandFor(int headDim) {
    Kernels kernels = kernels();
    int width = 2 * headDim;
    for (int positions : new int[] {1, 2, 5, 64, 65, 207}) {
      float[] k = randoms(positions * width);
      float[] v = randoms(positions * width);
      float[] q = randoms(3 * headDim);
      float[] reference = attended(kernels,
          pages(standsFor(k, width), standsFor(v, width), 2, headDim, 64), positions, q, headDim);
      for (int pagePositions : new int[] {1, 3, 16, 64, 1000}) {
        KvPages pages = TestPages.of(new KvShape(KvType.Q8_0, 1, 2, headDim, pagePositions), k, v);
        assertThat(attended(kernels, pages, positions, q, headDim)).isEqualTo(reference);
      }
      for (int i = 0; i < headDim; i++) {
        assertThat((double) reference[headDim + i]).isCloseTo(attention(k, v, q, positions, headDim, i), within(0.05));
      }
    }
  }

  /** Rows quantized to blocks and widened again. */
  private static float[] standsFor(float[] x, int width) {
    Activations quantized = TestPages.quantized(x, width);
    float[] widened = new float[x.length];
    for (int i = 0; i < x.length; i++) {
      widened[i] = quantized.scales().array()[i / PackedFormat.BLOCK] * quantized.quants()[i];
    }
    return widened;
  }

  @ParameterizedTest
  @ValueSource(ints = {2, 14, 64})
  void shouldAttendWithEveryHeadTheSameAsAlone(int headDim) {
    Kernels kernels = kernels();
    int positions = 70;
    float[] k = randoms(positions * 2 * headDim);
    float[] v = randoms(positions * 2 * headDim);
    KvPages pages = pages(k, v, 2, headDim, 16);
    float[] q = randoms(11 * headDim);
    float[] alone = new float[q.length];
    for (int head = 0; head < 11; head++) {
      kernels.attention(pages, 1, 1, positions, q, head * headDim, alone);
    }
    for (int heads = 1; heads < 11; heads++) {
      float[] out = new float[q.length];
      kernels.attention(pages, 1, heads, positions, q, 0, out);
      kernels.attention(pages, 1, 11 - heads, positions, q, heads * headDim, out);
      assertThat(out).as("%d heads and %d", heads, 11 - heads).isEqualTo(alone);
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

  /** The sampler refuses logits that are NaN; a kernel that turned NaN into a number would hide the error. */
  @ParameterizedTest
  @ValueSource(floats = {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY})
  void shouldNotTurnNaNOrInfinityIntoANumber(float none) {
    Kernels kernels = kernels();
    for (int at : new int[] {0, 7, 15, 16, 31, 64, 95}) {
      for (DType dtype : DType.values()) {
        int inner = dtype.blockWeights() == 256 ? 256 : 96;
        float[] x = randoms(inner);
        x[at] = none;
        assertThat(finite(Products.product(kernels, matrix(Weight.matrix(random, dtype, 17, inner)), x, 1)))
            .as("a product with %s, element %d", dtype, at).isFalse();
      }
      float[] row = randoms(96);
      row[at] = Float.NaN; // an infinite one correctly leaves the others zero
      float[] normed = new float[96];
      kernels.rmsNorm(row, 0, randoms(96), 1e-5f, normed);
      assertThat(normed).containsOnly(Float.NaN);
      float[] gate = randoms(96);
      gate[at] = Float.NaN;
      kernels.swiGlu(gate, randoms(96), 0, 96);
      assertThat(gate[at]).isNaN();
      float[] k = randoms(96 * 2 * 4);
      k[at * 8 + 5] = Float.NaN; // of head 1
      float[] out = attended(kernels, pages(k, randoms(96 * 2 * 4), 2, 4, 64), 96, randoms(3 * 4), 4);
      assertThat(Arrays.copyOfRange(out, 4, 8)).as("attention, position %d", at).containsOnly(Float.NaN);
      float[] blocks = randoms(96 * 2 * 32);
      blocks[at * 64 + 32 + 5] = none; // of head 1
      var shape = new KvShape(KvType.Q8_0, 1, 2, 32, 64);
      float[] ofBlocks = attended(kernels, TestPages.of(shape, blocks, randoms(96 * 2 * 32)), 96, randoms(3 * 32), 32);
      assertThat(Arrays.copyOfRange(ofBlocks, 32, 64)).as("attention to blocks, position %d", at)
          .containsOnly(Float.NaN);
    }
  }

  private static boolean finite(float[] values) {
    return IntStream.range(0, values.length).allMatch(i -> Float.isFinite(values[i]));
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

  private static KvPages pages(float[] k, float[] v, int kvHeads, int headDim, int pagePositions) {
    return TestPages.of(new KvShape(KvType.F32, 1, kvHeads, headDim, pagePositions), k, v);
  }

  /** Head 1 of three queries over key/value head 1. */
  private static float[] attended(Kernels kernels, KvPages pages, int positions, float[] q, int headDim) {
    float[] out = new float[q.length];
    kernels.attention(pages, 1, 1, positions, q, headDim, out);
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
