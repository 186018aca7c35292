package dev.layermesh.engine.cpu.kernels;

import dev.layermesh.engine.packed.PackedFormat;
import java.lang.foreign.MemorySegment;

/**
 * Rows that products take as x: float32, and for matrices of blocks also in blocks of 32 8-bit numbers, {@code x ≈
 * scale * quant}. T rows of K elements. Grows to what is reserved and is used again by every step. Written by the lane,
 * or by helpers each a part of its own.
 */
public final class Activations {
  /** Of the largest element of a block. */
  public static final float LARGEST_QUANT = 127;

  private final int width;
  private final boolean spread;
  private int rows;
  private final FloatArray values;
  private final FloatArray scales = new FloatArray();
  private final FloatArray sums = new FloatArray();
  private byte[] quants = {};
  private int[] biases = {};
  private int[] pairs = {};
  private float[] wideQuants = {};
  private MemorySegment quantsSegment = MemorySegment.ofArray(quants);
  private MemorySegment biasesSegment = MemorySegment.ofArray(biases);

  /**
   * No rows yet of {@code width} elements.
   *
   * @param spread whether quants are also kept as some kernels read them, see {@link Kernels#spreadsQuants()}
   */
  public Activations(int width, boolean spread) {
    this(width, spread, new FloatArray());
  }

  /** Rows in {@code values}, for any kernels. */
  public static Activations of(float[] values, int rows, int width) {
    var x = new Activations(width, true, new FloatArray(values));
    x.reserve(rows);
    return x;
  }

  private Activations(int width, boolean spread, FloatArray values) {
    this.width = width;
    this.spread = spread;
    this.values = values;
  }

  /** Makes it [rows, width], with arbitrary content. */
  public void reserve(int rows) {
    this.rows = rows;
    values.reserve(Math.multiplyExact(rows, width));
    int blocks = rows * blocksPerRow();
    if (biases.length < blocks) {
      quants = new byte[blocks * PackedFormat.BLOCK];
      biases = new int[blocks];
      quantsSegment = MemorySegment.ofArray(quants);
      biasesSegment = MemorySegment.ofArray(biases);
      if (spread) {
        pairs = new int[blocks * PackedFormat.BLOCK / 2];
        wideQuants = new float[blocks * PackedFormat.BLOCK];
      }
      scales.reserve(blocks);
      sums.reserve(blocks);
    }
  }

  /** T */
  public int rows() {
    return rows;
  }

  /** K */
  public int width() {
    return width;
  }

  /** K/32 */
  public int blocksPerRow() {
    return width / PackedFormat.BLOCK;
  }

  /** [T, K] */
  public FloatArray values() {
    return values;
  }

  /** [T, K] */
  public byte[] quants() {
    return quants;
  }

  /** [T, K/32] */
  public FloatArray scales() {
    return scales;
  }

  /** [T, K/32]: -128 times the sum of a block's quants. */
  public int[] biases() {
    return biases;
  }

  /** [T, K/32]: scale times the sum of a block's quants. */
  public FloatArray sums() {
    return sums;
  }

  /** [T, K/2]: the quants of a quad of columns as two pairs of 16-bit numbers, 0 and 2, then 1 and 3. */
  public int[] pairs() {
    return pairs;
  }

  /** [T, K]: quants as float32. */
  public float[] wideQuants() {
    return wideQuants;
  }

  /** {@link #quants()} for native code. */
  public MemorySegment quantsSegment() {
    return quantsSegment;
  }

  /** {@link #biases()} for native code. */
  public MemorySegment biasesSegment() {
    return biasesSegment;
  }

  /** What the elements of a block are multiplied by to become quants; 0 for one that is as good as zero. */
  public static float inverse(float scale) {
    return scale < Float.MIN_NORMAL ? 0 : 1 / scale;
  }

  /** Notes scale and sum of the quants of a block, which are there; blocks are counted over all rows. */
  public void describe(int block, float scale, int sum) {
    scales.array()[block] = scale;
    biases[block] = -128 * sum;
    sums.array()[block] = scale * sum;
    if (spread) {
      spread(block);
    }
  }

  private void spread(int block) {
    for (int i = block * PackedFormat.BLOCK; i < (block + 1) * PackedFormat.BLOCK; i += 4) {
      pairs[i / 2] = quants[i] & 0xffff | quants[i + 2] << 16;
      pairs[i / 2 + 1] = quants[i + 1] & 0xffff | quants[i + 3] << 16;
    }
    for (int i = block * PackedFormat.BLOCK; i < (block + 1) * PackedFormat.BLOCK; i++) {
      wideQuants[i] = quants[i];
    }
  }
}
