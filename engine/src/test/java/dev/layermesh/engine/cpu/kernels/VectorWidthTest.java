package dev.layermesh.engine.cpu.kernels;

import static org.assertj.core.api.Assertions.assertThat;

import dev.layermesh.engine.backend.ForkedJvm;
import dev.layermesh.engine.backend.Weight;
import dev.layermesh.engine.checkpoint.DType;
import dev.layermesh.engine.kv.KvType;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Workers of one arithmetic agree to the last bit, whatever their processors, interpreted or compiled. */
@Tag("slow")
@Timeout(60)
class VectorWidthTest {

  @ParameterizedTest
  @ValueSource(strings = {"-XX:MaxVectorSize=16", "-XX:MaxVectorSize=32", "-XX:MaxVectorSize=64", "-Xint"})
  void shouldGiveTheSameBitsOnEveryWidthAndInterpreted(String flag) throws Exception {
    String output = ForkedJvm.run(List.of("--add-modules", "jdk.incubator.vector", flag), Bits.class);
    assertThat(output).contains("bits=" + Bits.ofAllKernels());
  }

  /** Prints a digest of what the kernels compute. */
  public static final class Bits {
    private Bits() {}

    public static void main(String[] args) {
      System.out.println("bits=" + ofAllKernels());
    }

    static long ofAllKernels() {
      Kernels kernels = new VectorKernels();
      Random random = new Random(5);
      long digest = 0;
      for (DType dtype : DType.values()) {
        int columns = dtype.quantized() ? 18 : 13; // a vector and two lanes, or fewer than a vector has
        for (int inner : dtype.quantized() ? new int[] {256} : new int[] {192, 207}) {
          Matrix w = Products.packed(Weight.matrix(random, dtype, columns, inner));
          for (int rows : dtype.quantized() ? new int[] {2} : new int[] {1, 3, 5}) {
            digest = add(digest, Products.product(kernels, w, randoms(random, rows * inner), rows));
          }
        }
      }
      for (int headDim : new int[] {14, 32, 80}) {
        digest = add(digest, attended(kernels, random, KvType.F32, headDim));
      }
      digest = add(digest, attended(kernels, random, KvType.Q8_0, 64));
      Activations x = Activations.of(randoms(random, 3 * 96), 3, 96);
      kernels.quantize(x, 0, 9);
      digest = add(digest, x.sums().array());
      float[] gate = randoms(random, 99);
      kernels.swiGlu(gate, randoms(random, 99), 0, 99);
      float[] normed = new float[99];
      kernels.rmsNorm(gate, 0, randoms(random, 99), 1e-5f, normed);
      return add(add(digest, gate), normed);
    }

    private static float[] attended(Kernels kernels, Random random, KvType type, int headDim) {
      KvPages pages = TestPages.of(
          new KvShape(type, 1, 1, headDim, 64), randoms(random, 70 * headDim), randoms(random, 70 * headDim));
      float[] out = new float[headDim];
      kernels.attention(pages, 0, 1, 70, randoms(random, headDim), 0, out);
      return out;
    }

    private static float[] randoms(Random random, int count) {
      float[] values = new float[count];
      for (int i = 0; i < count; i++) {
        values[i] = (float) random.nextGaussian();
      }
      return values;
    }

    private static long add(long digest, float[] values) {
      for (float value : values) {
        digest = digest * 0x9E3779B97F4A7C15L + Float.floatToRawIntBits(value);
      }
      return digest;
    }
  }
}
