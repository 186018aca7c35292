package dev.layermesh.decoding;

import java.lang.foreign.MemorySegment;

/**
 * Hidden states of consecutive positions, [count, width], row-major: the residual stream after the exit layer, not
 * normed. Immutable until the reply to the work that carries them. An accelerator keeps them in its own memory and
 * copies only when {@link #bytes()} is asked for.
 */
public interface HiddenRows {

  /** Element type, the engine's residual type exactly: rounding would make the verifier verify another function. */
  enum Type {
    F32(4),
    F16(2),
    BF16(2);

    private final int bytes;

    Type(int bytes) {
      this.bytes = bytes;
    }

    /** Bytes of one element. */
    public int bytes() {
      return bytes;
    }
  }

  /** Number of rows. */
  int count();

  /** Elements of a row: hiddenSize. */
  int width();

  /** Element type. */
  Type type();

  /**
   * The rows in host memory, little-endian, {@code count * width * type.bytes()} bytes; read-only. They may be a view of
   * a received frame, so they are aligned to nothing: read them with unaligned layouts.
   */
  MemorySegment bytes();

  /** Rows {@code from} to {@code to} (exclusive) of these. */
  default HiddenRows slice(int from, int to) {
    long rowBytes = (long) width() * type().bytes();
    return from == 0 && to == count()
        ? this
        : new Host(to - from, width(), type(), bytes().asSlice(from * rowBytes, (to - from) * rowBytes));
  }

  /** Rows that already lie in host memory. */
  record Host(int count, int width, Type type, MemorySegment bytes) implements HiddenRows {
    public Host {
      long expected = (long) count * width * type.bytes();
      if (count < 0 || width <= 0 || bytes.byteSize() != expected) {
        throw new IllegalArgumentException(
            count + " rows of " + width + " " + type + " need " + expected + " bytes, got " + bytes.byteSize());
      }
      bytes = bytes.asReadOnly();
    }
  }
}
