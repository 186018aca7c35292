package dev.layermesh.engine.cpu.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import dev.layermesh.engine.backend.Available;
import dev.layermesh.engine.backend.ForkedJvm;
import dev.layermesh.engine.backend.Weight;
import dev.layermesh.engine.checkpoint.DType;
import dev.layermesh.engine.cpu.kernels.NativeLibrary.Loaded;
import dev.layermesh.engine.kv.KvType;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Kernels in C and in Java agree to the last bit on every instruction set, because a session may move between them. */
@Timeout(60)
class NativeParityTest {
  private static final int[] COLUMNS = {1, 13, 31, 33, 64, 101};
  private static final int[] ROWS = {1, 2, 3, 4, 5, 8, 31, 33, 38};

  @BeforeAll
  static void requireLibrary() {
    Available.require("native");
  }

  @ParameterizedTest
  @EnumSource
  void shouldMultiplyAsTheVectorKernelsDo(DType dtype) {
    Random random = new Random(dtype.ordinal());
    Kernels c = new NativeKernels();
    Kernels java = new VectorKernels();
    for (int inner : inners(dtype)) {
      float[] x = randoms(random, ROWS[ROWS.length - 1] * inner);
      for (int columns : COLUMNS) {
        Matrix w = Products.packed(Weight.matrix(random, dtype, columns, inner));
        for (int rows : ROWS) {
          assertThat(Products.product(c, w, x, rows))
              .as("%s: %d rows of %d, %d columns", dtype, rows, inner, columns)
              .isEqualTo(Products.product(java, w, x, rows));
        }
      }
    }
  }

  /** In blocks: up to a chunk of columns that the C kernels take at once, and beyond the widest. */
  private static int[] inners(DType dtype) {
    return switch (dtype.blockWeights()) {
      case 1 -> new int[] {1, 2, 13, 64, 207};
      case 32 -> new int[] {32, 128, 160, 544};
      default -> new int[] {256, 768};
    };
  }

  @Test
  void shouldQuantizeAsTheVectorKernelsDo() {
    Random random = new Random(1);
    float[] x = randoms(random, 7 * 96);
    for (int block = 0; block < 21; block++) {
      float size = (float) Math.pow(10, 4 * block - 44); // from zero and subnormal to the largest
      for (int i = 0; i < 32; i++) {
        x[32 * block + i] *= block == 20 ? 0 : size;
      }
    }
    Activations c = Activations.of(x, 7, 96);
    new NativeKernels().quantize(c, 0, 21);
    Activations java = Activations.of(x, 7, 96);
    new VectorKernels().quantize(java, 0, 21);
    assertThat(c.quants()).isEqualTo(java.quants());
    assertThat(c.scales().array()).isEqualTo(java.scales().array());
    assertThat(c.biases()).isEqualTo(java.biases());
    assertThat(c.sums().array()).isEqualTo(java.sums().array());
  }

  @ParameterizedTest
  @EnumSource
  void shouldAttendAsTheVectorKernelsDo(KvType type) {
    Random random = new Random(2);
    for (int headDim : type == KvType.F32 ? new int[] {2, 14, 16, 40, 64, 80, 128} : new int[] {32, 64, 96, 128}) {
      for (int pagePositions : new int[] {3, 16, 64, 100}) {
        var shape = new KvShape(type, 1, 2, headDim, pagePositions);
        KvPages pages = TestPages.of(
            shape, randoms(random, 131 * 2 * headDim), randoms(random, 131 * 2 * headDim));
        for (int heads : new int[] {1, 2, 3, 4, 5, 8, 11}) {
          float[] q = randoms(random, (heads + 1) * headDim);
          for (int positions : new int[] {1, 15, 16, 17, 64, 131}) {
            float[] c = new float[q.length];
            float[] java = new float[q.length];
            new NativeKernels().attention(pages, 1, heads, positions, q, headDim, c);
            new VectorKernels().attention(pages, 1, heads, positions, q, headDim, java);
            assertThat(c).as("%d heads of %d, %d positions in pages of %d", heads, headDim, positions, pagePositions)
                .isEqualTo(java);
          }
        }
      }
    }
  }

  @Test
  void shouldNormTurnGateAndAddAsTheVectorKernelsDo() {
    Random random = new Random(3);
    Kernels c = new NativeKernels();
    Kernels java = new VectorKernels();
    for (int width : new int[] {2, 6, 14, 16, 32, 62, 64, 206, 1024}) {
      float[] x = randoms(random, 3 * width);
      float[] y = randoms(random, 3 * width);
      float[] weight = randoms(random, width);
      for (int i = 0; i < width; i++) {
        x[i] *= i % 3 == 0 ? 1 : 40; // into the ends of e^x
      }
      RopeTable table = new RopeTable(randoms(random, width / 2));
      table.reach(9);
      float[] ofC = x.clone();
      float[] ofJava = x.clone();
      c.swiGlu(ofC, y, 1, 3 * width - 1);
      java.swiGlu(ofJava, y, 1, 3 * width - 1);
      c.add(ofC, y, 1, 3 * width - 1);
      java.add(ofJava, y, 1, 3 * width - 1);
      c.rope(ofC, width, 2, table, 8);
      java.rope(ofJava, width, 2, table, 8);
      assertThat(ofC).as("width %d", width).isEqualTo(ofJava);
      float[] normed = new float[3 * width];
      float[] expected = new float[3 * width];
      c.rmsNorm(ofC, width, weight, 1e-5f, normed);
      java.rmsNorm(ofJava, width, weight, 1e-5f, expected);
      assertThat(normed).as("norm of width %d", width).isEqualTo(expected);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"avx2", "avx512"})
  void shouldAgreeOnEveryInstructionSet(String isa) throws Exception {
    if (NativeLibrary.loaded() instanceof Loaded.Present present && present.isa().equals(isa)) {
      return; // the other tests of this class have tested it
    }
    String output = ForkedJvm.run(
        List.of("--add-modules", "jdk.incubator.vector", "--enable-native-access=ALL-UNNAMED",
            "-Dlayermesh.isa=" + isa),
        Everything.class);
    assumeFalse(output.contains("this processor has not"), output);
    assertThat(output).contains("agreed with " + isa);
  }

  /** Runs every other test of this class in a JVM of its own, and says that they passed. */
  public static final class Everything {
    private Everything() {}

    public static void main(String[] args) {
      switch (NativeLibrary.loaded()) {
        case Loaded.Absent(String because) -> System.out.println(because);
        case Loaded.Present present -> {
          var test = new NativeParityTest();
          for (DType dtype : DType.values()) {
            test.shouldMultiplyAsTheVectorKernelsDo(dtype);
          }
          test.shouldQuantizeAsTheVectorKernelsDo();
          for (KvType type : KvType.values()) {
            test.shouldAttendAsTheVectorKernelsDo(type);
          }
          test.shouldNormTurnGateAndAddAsTheVectorKernelsDo();
          System.out.println("agreed with " + present.isa());
        }
      }
    }
  }

  private static float[] randoms(Random random, int count) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }
}
