package dev.layermesh.engine.checkpoint;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * Thirty-two weights of a quantized block, as their format defines them: {@code scale * quant + minimum}. An instance
 * reads the parts of a row one after the other and belongs to one thread. Layouts are those of the GGUF formats
 * (github.com/ggml-org/ggml, docs/gguf.md). A nibble array holds weight i in the lower half of byte i and weight i + n
 * in the upper half.
 */
public final class Quants {
  /** Weights of a part: a block of the older formats, an eighth of a K block. */
  public static final int COUNT = 32;

  private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final float NOTHING = -0f; // x + -0 is x, even if x is -0

  private final int[] quants = new int[COUNT];
  private float scale;
  private float lastScale;
  private float minimum;

  /** The quants, signed; callers must not write to them. */
  public int[] quants() {
    return quants;
  }

  /** Scale of the first 16 weights; of all 32 in formats with one scale. */
  public float scale() {
    return scale;
  }

  /** Scale of the last 16 weights. */
  public float lastScale() {
    return lastScale;
  }

  /** The minimum that is added to every weight; -0 in formats without minima. */
  public float minimum() {
    return minimum;
  }

  /**
   * Reads part {@code part} of a row: weights [32 part, 32 part + 32).
   *
   * @param dtype a type with blocks
   * @param row first byte of the row in {@code data}
   */
  public void read(DType dtype, MemorySegment data, long row, int part) {
    int parts = dtype.blockWeights() / COUNT;
    readBlock(dtype, data, row + (long) (part / parts) * dtype.blockBytes(), part % parts);
  }

  /** Reads a part of the block at byte {@code b}. */
  private void readBlock(DType dtype, MemorySegment data, long b, int part) {
    switch (dtype) {
      case Q8_0 -> {
        scales(half(data, b), NOTHING);
        for (int i = 0; i < COUNT; i++) {
          quants[i] = data.get(JAVA_BYTE, b + 2 + i);
        }
      }
      case Q4_0 -> {
        scales(half(data, b), NOTHING);
        nibbles(data, b + 2, -8);
      }
      case Q4_1 -> {
        scales(half(data, b), half(data, b + 2));
        nibbles(data, b + 4, 0);
      }
      case Q5_0 -> {
        scales(half(data, b), NOTHING);
        nibbles(data, b + 6, -16);
        fifthBits(data.get(INT, b + 2));
      }
      case Q5_1 -> {
        scales(half(data, b), half(data, b + 2));
        nibbles(data, b + 8, 0);
        fifthBits(data.get(INT, b + 4));
      }
      case Q4_K -> {
        scalesOfK(data, b, part);
        halfBytes(data, b + 16 + part / 2 * COUNT, part % 2 * 4);
      }
      case Q5_K -> {
        scalesOfK(data, b, part);
        halfBytes(data, b + 48 + part / 2 * COUNT, part % 2 * 4);
        for (int i = 0; i < COUNT; i++) { // bit n of byte i is the fifth bit of weight i of part n
          quants[i] |= (unsigned(data, b + 16 + i) >> part & 1) << 4;
        }
      }
      case Q6_K -> q6K(data, b, part);
      case F32, F16, BF16 -> throw new IllegalArgumentException(dtype + " has no blocks");
    }
  }

  /** Writes the weights to {@code out[at]} and behind, computed in float32 in the order of the definition. */
  void widen(float[] out, int at) {
    for (int i = 0; i < COUNT; i++) {
      out[at + i] = (i < COUNT / 2 ? scale : lastScale) * quants[i] + minimum;
    }
  }

  private void scales(float scale, float minimum) {
    this.scale = scale;
    this.lastScale = scale;
    this.minimum = minimum;
  }

  private void nibbles(MemorySegment data, long at, int shift) {
    for (int i = 0; i < COUNT / 2; i++) {
      int pair = unsigned(data, at + i);
      quants[i] = (pair & 15) + shift;
      quants[i + COUNT / 2] = (pair >> 4) + shift;
    }
  }

  /** Bit i belongs to weight i. */
  private void fifthBits(int bits) {
    for (int i = 0; i < COUNT; i++) {
      quants[i] += (bits >>> i & 1) << 4;
    }
  }

  /** Four bits of 32 bytes; parts 2n and 2n + 1 of a K block share them. */
  private void halfBytes(MemorySegment data, long at, int shift) {
    for (int i = 0; i < COUNT; i++) {
      quants[i] = unsigned(data, at + i) >> shift & 15;
    }
  }

  /** Six bits of 12 bytes: parts 0 to 3 in a byte each; the upper two bits of parts 4 to 7 are in the same bytes. */
  private void scalesOfK(MemorySegment data, long b, int part) {
    long bytes = b + 4;
    int scale = part < 4
        ? unsigned(data, bytes + part) & 63
        : unsigned(data, bytes + part + 4) & 15 | unsigned(data, bytes + part - 4) >> 6 << 4;
    int least = part < 4
        ? unsigned(data, bytes + part + 4) & 63
        : unsigned(data, bytes + part + 4) >> 4 | unsigned(data, bytes + part) >> 6 << 4;
    scales(half(data, b) * scale, -(half(data, b + 2) * least));
  }

  /**
   * Two halves of 128 weights: 64 bytes of nibbles and 32 bytes of upper bits each. Part n of 32 weights has its
   * nibbles in bytes 32 (n mod 2) …, lower halves for n < 2, and its upper bits at 2n of byte i.
   */
  private void q6K(MemorySegment data, long b, int part) {
    int n = part % 4;
    float d = half(data, b + 208);
    scale = d * data.get(JAVA_BYTE, b + 192 + part * 2);
    lastScale = d * data.get(JAVA_BYTE, b + 193 + part * 2);
    minimum = NOTHING;
    halfBytes(data, b + part / 4 * 64 + n % 2 * COUNT, n / 2 * 4);
    for (int i = 0; i < COUNT; i++) {
      quants[i] = (quants[i] | (unsigned(data, b + 128 + part / 4 * COUNT + i) >> 2 * n & 3) << 4) - 32;
    }
  }

  private static float half(MemorySegment data, long at) {
    return Float.float16ToFloat(data.get(SHORT, at));
  }

  private static int unsigned(MemorySegment data, long at) {
    return data.get(JAVA_BYTE, at) & 255;
  }
}
