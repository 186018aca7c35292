package dev.layermesh.engine.checkpoint;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * What the weights of a quantized block are, in float32: the plain reference for every kernel that reads such blocks.
 * Layouts and the order of operations are those of the GGUF formats (github.com/ggml-org/ggml, docs/gguf.md). A nibble
 * array holds weight i in the lower half of byte i and weight i + n in the upper half.
 */
final class Blocks {
  private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final int SMALL = 32; // weights of a block of the older formats, and of a part of the K formats
  private static final float NOTHING = -0f; // x + -0 is x, also where x is -0

  private Blocks() {}

  /** Writes the block of a quantized dtype at byte {@code b} to {@code out[at]} and behind. */
  static void widen(DType dtype, MemorySegment data, long b, float[] out, int at) {
    switch (dtype) {
      case Q8_0 -> q8(data, b, out, at);
      case Q4_0 -> q4(data, b + 2, half(data, b), -8, NOTHING, out, at);
      case Q4_1 -> q4(data, b + 4, half(data, b), 0, half(data, b + 2), out, at);
      case Q5_0 -> q5(data, b + 2, half(data, b), -16, NOTHING, out, at);
      case Q5_1 -> q5(data, b + 4, half(data, b), 0, half(data, b + 2), out, at);
      case Q4_K -> q4K(data, b, out, at);
      case Q5_K -> q5K(data, b, out, at);
      case Q6_K -> q6K(data, b, out, at);
      case F32, F16, BF16 -> throw new IllegalArgumentException(dtype + " has no blocks");
    }
  }

  private static void q8(MemorySegment data, long b, float[] out, int at) {
    float d = half(data, b);
    for (int i = 0; i < SMALL; i++) {
      out[at + i] = d * data.get(JAVA_BYTE, b + 2 + i);
    }
  }

  private static void q4(MemorySegment data, long nibbles, float d, int shift, float m, float[] out, int at) {
    for (int i = 0; i < SMALL / 2; i++) {
      int pair = unsigned(data, nibbles + i);
      out[at + i] = d * ((pair & 15) + shift) + m;
      out[at + i + SMALL / 2] = d * ((pair >> 4) + shift) + m;
    }
  }

  /** Fifth bits in front of the nibbles: bit i belongs to weight i. */
  private static void q5(MemorySegment data, long bits, float d, int shift, float m, float[] out, int at) {
    int fifth = data.get(INT, bits);
    for (int i = 0; i < SMALL / 2; i++) {
      int pair = unsigned(data, bits + 4 + i);
      out[at + i] = d * ((pair & 15 | (fifth >>> i & 1) << 4) + shift) + m;
      out[at + i + SMALL / 2] = d * ((pair >> 4 | (fifth >>> i + SMALL / 2 & 1) << 4) + shift) + m;
    }
  }

  /** Parts 2n and 2n + 1 of 32 weights share 32 bytes of nibbles. */
  private static void q4K(MemorySegment data, long b, float[] out, int at) {
    float d = half(data, b);
    float dmin = half(data, b + 2);
    for (int part = 0; part < 8; part++) {
      float scale = d * scale(data, b + 4, part);
      float minimum = dmin * minimum(data, b + 4, part);
      long nibbles = b + 16 + part / 2 * SMALL;
      for (int i = 0; i < SMALL; i++) {
        int q = unsigned(data, nibbles + i) >> part % 2 * 4 & 15;
        out[at + part * SMALL + i] = scale * q - minimum;
      }
    }
  }

  /** As {@link #q4K}; bit n of byte i is the fifth bit of weight i of part n. */
  private static void q5K(MemorySegment data, long b, float[] out, int at) {
    float d = half(data, b);
    float dmin = half(data, b + 2);
    for (int part = 0; part < 8; part++) {
      float scale = d * scale(data, b + 4, part);
      float minimum = dmin * minimum(data, b + 4, part);
      long nibbles = b + 48 + part / 2 * SMALL;
      for (int i = 0; i < SMALL; i++) {
        int q = unsigned(data, nibbles + i) >> part % 2 * 4 & 15 | (unsigned(data, b + 16 + i) >> part & 1) << 4;
        out[at + part * SMALL + i] = scale * q - minimum;
      }
    }
  }

  /**
   * Two halves of 128 weights: 64 bytes of nibbles and 32 bytes of upper bits each. Part n of 32 weights has its
   * nibbles in bytes 32 (n mod 2) …, lower halves for n < 2, and its upper bits at 2n of byte i.
   */
  private static void q6K(MemorySegment data, long b, float[] out, int at) {
    float d = half(data, b + 208);
    for (int part = 0; part < 8; part++) {
      int n = part % 4;
      long nibbles = b + part / 4 * 64 + n % 2 * SMALL;
      long upper = b + 128 + part / 4 * SMALL;
      for (int i = 0; i < SMALL; i++) {
        float scale = d * data.get(JAVA_BYTE, b + 192 + part * 2 + i / 16);
        int q = unsigned(data, nibbles + i) >> n / 2 * 4 & 15 | (unsigned(data, upper + i) >> 2 * n & 3) << 4;
        out[at + part * SMALL + i] = scale * (q - 32);
      }
    }
  }

  /** Six bits of a K block's 12 bytes: parts 0 to 3 in one byte each, parts 4 to 7 with their upper two bits there. */
  private static int scale(MemorySegment data, long scales, int part) {
    return part < 4
        ? unsigned(data, scales + part) & 63
        : unsigned(data, scales + part + 4) & 15 | unsigned(data, scales + part - 4) >> 6 << 4;
  }

  private static int minimum(MemorySegment data, long scales, int part) {
    return part < 4
        ? unsigned(data, scales + part + 4) & 63
        : unsigned(data, scales + part + 4) >> 4 | unsigned(data, scales + part) >> 6 << 4;
  }

  private static float half(MemorySegment data, long at) {
    return Float.float16ToFloat(data.get(SHORT, at));
  }

  private static int unsigned(MemorySegment data, long at) {
    return data.get(JAVA_BYTE, at) & 255;
  }
}
