package dev.layermesh.engine.cpu.kernels;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.layermesh.engine.packed.PackedFormat;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/**
 * The verbs in C ({@code src/main/c}), with instructions that the Vector API does not offer. They agree with {@link
 * VectorKernels} to the last bit, so that workers with and without a native library serve one session. A call works on
 * arrays in the Java heap and holds up a collection until it returns: milliseconds at most, since work is split into
 * parts.
 */
public final class NativeKernels implements Kernels {
  private static final MethodHandle MATMUL = NativeLibrary.function("matmul", JAVA_INT, JAVA_LONG, JAVA_INT, JAVA_INT,
      JAVA_INT, JAVA_INT, JAVA_INT, ADDRESS, ADDRESS, ADDRESS, ADDRESS, ADDRESS, ADDRESS);
  private static final MethodHandle QUANTIZE =
      NativeLibrary.function("quantize", ADDRESS, JAVA_INT, JAVA_INT, ADDRESS, ADDRESS, ADDRESS, ADDRESS);
  private static final MethodHandle NORM =
      NativeLibrary.function("norm", ADDRESS, JAVA_INT, JAVA_INT, ADDRESS, JAVA_FLOAT, ADDRESS);
  private static final MethodHandle ROPE =
      NativeLibrary.function("rope", ADDRESS, JAVA_INT, JAVA_INT, JAVA_INT, ADDRESS, ADDRESS, JAVA_INT);
  private static final MethodHandle WIDEN_KEYS = NativeLibrary.function("widen_keys", ADDRESS, ADDRESS,
      JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, ADDRESS);
  private static final MethodHandle WIDEN_VALUES =
      NativeLibrary.function("widen_values", ADDRESS, ADDRESS, JAVA_INT, JAVA_INT, ADDRESS);
  private static final MethodHandle SCORES = NativeLibrary.function("scores", JAVA_INT, ADDRESS, JAVA_INT, JAVA_INT,
      JAVA_INT, ADDRESS, JAVA_INT, JAVA_INT, JAVA_FLOAT, ADDRESS, JAVA_INT, JAVA_INT);
  private static final MethodHandle SOFTMAX_NUMERATORS =
      NativeLibrary.function("softmax_numerators", JAVA_INT, JAVA_INT, ADDRESS, JAVA_INT, ADDRESS);
  private static final MethodHandle WEIGHTED_SUM = NativeLibrary.function("weighted_sum", JAVA_INT, ADDRESS, JAVA_INT,
      JAVA_INT, ADDRESS, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, ADDRESS, JAVA_INT);
  private static final MethodHandle NORMALISE =
      NativeLibrary.function("normalise", JAVA_INT, JAVA_INT, ADDRESS, ADDRESS, JAVA_INT);
  private static final MethodHandle SWIGLU = NativeLibrary.function("swiglu", ADDRESS, ADDRESS, JAVA_INT, JAVA_INT);
  private static final MethodHandle ADD = NativeLibrary.function("add", ADDRESS, ADDRESS, JAVA_INT, JAVA_INT);

  private final FloatArray scores = new FloatArray(); // [heads, positions]
  private final FloatArray wide = new FloatArray(); // keys or values of a page
  private final FloatArray totals = new FloatArray(); // [heads]

  @Override
  public String name() {
    return PackedFormat.FAMILY;
  }

  @Override
  public void matmul(Matrix w, int from, int to, Activations x, FloatArray out) {
    PackedMatrix packed = PackedMatrix.of(w);
    try {
      MATMUL.invokeExact(packed.format().ordinal(), packed.data().address(), from, to, packed.rows(),
          packed.columns(), x.rows(), x.values().segment(), x.quantsSegment(), x.scales().segment(),
          x.biasesSegment(), x.sums().segment(), out.segment());
    } catch (Throwable e) {
      throw failed(e);
    }
  }

  @Override
  public void quantize(Activations x, int from, int to) {
    try {
      QUANTIZE.invokeExact(x.values().segment(), from, to, x.quantsSegment(), x.scales().segment(),
          x.biasesSegment(), x.sums().segment());
    } catch (Throwable e) {
      throw failed(e);
    }
  }

  @Override
  public void rmsNorm(float[] x, int offset, float[] weight, float eps, float[] out) {
    try {
      NORM.invokeExact(MemorySegment.ofArray(x), offset, weight.length, MemorySegment.ofArray(weight), eps,
          MemorySegment.ofArray(out));
    } catch (Throwable e) {
      throw failed(e);
    }
  }

  @Override
  public void rope(float[] x, int offset, int heads, RopeTable table, int position) {
    try {
      ROPE.invokeExact(MemorySegment.ofArray(x), offset, heads, table.pairs(), MemorySegment.ofArray(table.cos()),
          MemorySegment.ofArray(table.sin()), position * table.pairs());
    } catch (Throwable e) {
      throw failed(e);
    }
  }

  @Override
  public void widenKeys(KvPage.Quants page, int kvHead, int positions, FloatArray out) {
    KvShape shape = page.shape();
    try {
      WIDEN_KEYS.invokeExact(MemorySegment.ofArray(page.keys()), MemorySegment.ofArray(page.keyScales()),
          kvHead * shape.headDim(), shape.headDim(), shape.keyStride(), positions, out.segment());
    } catch (Throwable e) {
      throw failed(e);
    }
  }

  @Override
  public void widenValues(KvPage.Quants page, int kvHead, int positions, FloatArray out) {
    KvShape shape = page.shape();
    try {
      WIDEN_VALUES.invokeExact(MemorySegment.ofArray(page.values()), MemorySegment.ofArray(page.valueScales()),
          shape.valueOffset(kvHead, 0), shape.valueOffset(kvHead, positions), out.segment());
    } catch (Throwable e) {
      throw failed(e);
    }
  }

  @Override
  public void attention(KvPages cache, int kvHead, int heads, int positions, float[] q, int offset, float[] out) {
    int row = Math.ceilDiv(positions, PackedFormat.LANES) * PackedFormat.LANES + cache.keyStride();
    scores.reserve(heads * row);
    totals.reserve(heads);
    float scale = (float) (1 / Math.sqrt(cache.headDim()));
    try {
      for (int page = 0; page < positions; page += cache.pagePositions()) {
        int held = Math.min(cache.pagePositions(), positions - page);
        float[] keys = cache.keys(kvHead, page, held, this, wide);
        SCORES.invokeExact(heads, MemorySegment.ofArray(keys), cache.keyOffset(kvHead), cache.keyStride(), held,
            MemorySegment.ofArray(q), offset, cache.headDim(), scale, scores.segment(), page, row);
      }
      SOFTMAX_NUMERATORS.invokeExact(heads, positions, scores.segment(), row, totals.segment());
      for (int page = 0; page < positions; page += cache.pagePositions()) {
        int held = Math.min(cache.pagePositions(), positions - page);
        float[] values = cache.values(kvHead, page, held, this, wide);
        WEIGHTED_SUM.invokeExact(heads, MemorySegment.ofArray(values), cache.valueOffset(kvHead), held,
            scores.segment(), page, row, cache.headDim(), page == 0 ? 1 : 0, MemorySegment.ofArray(out), offset);
      }
      NORMALISE.invokeExact(heads, cache.headDim(), totals.segment(), MemorySegment.ofArray(out), offset);
    } catch (Throwable e) {
      throw failed(e);
    }
  }

  @Override
  public void swiGlu(float[] gate, float[] up, int from, int to) {
    try {
      SWIGLU.invokeExact(MemorySegment.ofArray(gate), MemorySegment.ofArray(up), from, to);
    } catch (Throwable e) {
      throw failed(e);
    }
  }

  @Override
  public void add(float[] x, float[] delta, int from, int to) {
    try {
      ADD.invokeExact(MemorySegment.ofArray(x), MemorySegment.ofArray(delta), from, to);
    } catch (Throwable e) {
      throw failed(e);
    }
  }

  /** A call declares any Throwable; a kernel throws none. */
  private static IllegalStateException failed(Throwable e) {
    return new IllegalStateException("calling a C kernel", e);
  }
}
