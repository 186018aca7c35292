package dev.layermesh.engine.convert;

import dev.layermesh.engine.checkpoint.DType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * A format that this engine quantizes weights to, in blocks of 32. The bytes are those of the reference of the GGUF
 * formats (github.com/ggml-org/ggml, the Python package gguf).
 */
public enum Quantization {
  /** The largest magnitude becomes 127 steps. Rounds to the nearest step, halves away from zero. */
  Q8_0(DType.Q8_0) {
    @Override
    void block(float[] x, int from, MemorySegment out, long at) {
      float most = 0;
      for (int i = 0; i < BLOCK; i++) {
        most = Math.max(most, Math.abs(x[from + i]));
      }
      float d = most / 127;
      float inverse = d == 0 ? 0 : 1 / d;
      out.set(SHORT, at, Float.floatToFloat16(d));
      for (int i = 0; i < BLOCK; i++) {
        out.set(ValueLayout.JAVA_BYTE, at + 2 + i, (byte) halfAway(x[from + i] * inverse));
      }
    }
  },
  /** The number of the largest magnitude becomes -8 steps, because the range -8 to 7 has one step more on that side. */
  Q4_0(DType.Q4_0) {
    @Override
    void block(float[] x, int from, MemorySegment out, long at) {
      float most = x[from];
      for (int i = 1; i < BLOCK; i++) {
        if (Math.abs(x[from + i]) > Math.abs(most)) {
          most = x[from + i];
        }
      }
      float d = most / -8;
      float inverse = d == 0 ? 0 : 1 / d;
      out.set(SHORT, at, Float.floatToFloat16(d));
      for (int i = 0; i < BLOCK / 2; i++) {
        int low = step(x[from + i], inverse);
        int high = step(x[from + i + BLOCK / 2], inverse);
        out.set(ValueLayout.JAVA_BYTE, at + 2 + i, (byte) (low | high << 4));
      }
    }
  };

  private static final int BLOCK = 32;
  private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final DType dtype;

  Quantization(DType dtype) {
    this.dtype = dtype;
  }

  /** The type of the quantized weights. */
  public DType dtype() {
    return dtype;
  }

  /** The name in options: {@code q8_0}. */
  public String option() {
    return name().toLowerCase(Locale.ROOT);
  }

  /** The format that an option names. */
  public static Optional<Quantization> named(String option) {
    return Arrays.stream(values()).filter(each -> each.option().equals(option)).findFirst();
  }

  /** The names that options accept. */
  public static List<String> options() {
    return Arrays.stream(values()).map(Quantization::option).toList();
  }

  /** Quantizes a row of {@code count} numbers, whole blocks, to the beginning of {@code out}. */
  void row(float[] x, int count, MemorySegment out) {
    for (int i = 0; i < count; i += BLOCK) {
      block(x, i, out, (long) i / BLOCK * dtype.blockBytes());
    }
  }

  abstract void block(float[] x, int from, MemorySegment out, long at);

  private static float halfAway(float x) {
    float magnitude = Math.abs(x);
    float floor = (float) Math.floor(magnitude);
    float rounded = floor + (float) Math.floor(2 * (magnitude - floor));
    return x < 0 ? -rounded : rounded;
  }

  /** Product and sum are rounded to float32 each: a fused operation would round some halves to another step. */
  private static int step(float x, float inverse) {
    return Math.clamp((int) (x * inverse + 8.5f), 0, 15);
  }
}
