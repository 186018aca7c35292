package dev.layermesh.engine.backend;

import java.lang.invoke.MethodHandle;

/**
 * Products in C ({@code src/main/c}), with instructions that Java has no word for; the other verbs are those of {@link
 * VectorKernels}. Both agree to the last bit, so that workers with and without a native library serve one session. A
 * call works on arrays in the Java heap and holds up a collection until it returns: milliseconds at most, since products
 * are split into parts.
 */
final class NativeKernels implements Kernels {
  private final MethodHandle matmul;
  private final Kernels java = new VectorKernels();

  NativeKernels(NativeLibrary library) {
    this.matmul = library.matmul();
  }

  @Override
  public String name() {
    return java.name();
  }

  @Override
  public void matmul(Matrix w, int from, int to, Activations x, Floats out) {
    PackedMatrix packed = PackedMatrix.of(w);
    try {
      matmul.invokeExact(packed.format().ordinal(), packed.data().address(), from, to, packed.rows(),
          packed.columns(), x.rows(), x.values().segment(), x.quantsSegment(), x.scales().segment(),
          x.biasesSegment(), x.sums().segment(), out.segment());
    } catch (Throwable e) {
      throw new IllegalStateException("product with " + packed.name(), e);
    }
  }

  @Override
  public void quantize(Activations x, int from, int to) {
    java.quantize(x, from, to);
  }

  @Override
  public void rmsNorm(float[] x, int offset, float[] weight, float eps, float[] out) {
    java.rmsNorm(x, offset, weight, eps, out);
  }

  @Override
  public void rope(float[] x, int offset, int heads, RopeTable table, int position) {
    java.rope(x, offset, heads, table, position);
  }

  @Override
  public void attention(KvPages cache, int kvHead, int positions, float[] q, int offset, float[] out) {
    java.attention(cache, kvHead, positions, q, offset, out);
  }

  @Override
  public void swiGlu(float[] gate, float[] up, int from, int to) {
    java.swiGlu(gate, up, from, to);
  }

  @Override
  public void add(float[] x, float[] delta, int from, int to) {
    java.add(x, delta, from, to);
  }
}
