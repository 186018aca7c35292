package dev.layermesh.engine.cpu.kernels;

import dev.layermesh.engine.backend.Backend;

/**
 * The verbs that a forward pass on the CPU is composed of. Arrays are row-major; an instance may keep scratch memory
 * and belongs to one thread.
 *
 * <p>Every implementation keeps the law of the package: each number it writes comes from one reduction tree that
 * depends on sizes and position alone, never on the other rows or columns of the call. Two implementations need not
 * agree with each other to the last bit; one agrees with itself on every machine.
 */
public interface Kernels {

  /** Name of the family, part of {@link Backend#arithmetic()}. */
  String name();

  /**
   * {@code out[t, c] = x[t] · w[c]} for all rows t of x and the columns c of parts [from,to) of w. x: [T, K], out:
   * [T, N]. Where {@code w.takesQuants()}, x is its quants, scales and sums, else its values.
   */
  void matmul(Matrix w, int from, int to, Activations x, FloatArray out);

  /**
   * Fills blocks [from,to) of x, counted over all its rows, with 8-bit numbers: {@code scale = max|x| / 127} and {@code
   * quant = x / scale}, rounded to even. K is a multiple of 32.
   */
  void quantize(Activations x, int from, int to);

  /** Whether products read quants as {@link Activations#pairs()} and {@link Activations#wideQuants()}. */
  default boolean spreadsQuants() {
    return false;
  }

  /**
   * {@code out = weight * x / sqrt(mean(x²) + eps)} over the row of weight.length elements at {@code offset} of both
   * arrays (Zhang and Sennrich, "Root Mean Square Layer Normalization", 2019, eq. 4).
   */
  void rmsNorm(float[] x, int offset, float[] weight, float eps, float[] out);

  /**
   * Turns the heads [offset, offset + heads * HD) of x, in place, by the angles of {@code position}; pairs are (i, i +
   * HD/2), as transformers lays them out.
   */
  void rope(float[] x, int offset, int heads, RopeTable table, int position);

  /**
   * {@code out = scale * quant} for the keys of a head at the first {@code positions} of a page, each in the place it
   * has there. Behind them out may be written up to a multiple of 16. All kernels compute the same bits.
   */
  void widenKeys(KvPage.Quants page, int kvHead, int positions, FloatArray out);

  /** {@code out = scale * quant} for the values of a head; see {@link #widenKeys}. */
  void widenValues(KvPage.Quants page, int kvHead, int positions, FloatArray out);

  /**
   * {@code out = softmax(q · K / sqrt(HD)) · V} for each of {@code heads} query heads that share key and value head
   * {@code kvHead}, over positions [0,positions). q: the heads * HD elements from {@code offset} on, out: the same
   * elements.
   */
  void attention(KvPages cache, int kvHead, int heads, int positions, float[] q, int offset, float[] out);

  /**
   * {@code gate = silu(gate) * up} for elements [from,to), with silu(x) = x / (1 + exp(-x)) (Shazeer, "GLU Variants
   * Improve Transformer", 2020, eq. 6).
   */
  void swiGlu(float[] gate, float[] up, int from, int to);

  /** {@code x += delta} for elements [from,to). */
  void add(float[] x, float[] delta, int from, int to);
}
