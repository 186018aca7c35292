package dev.layermesh.mesh.wire;

import dev.layermesh.decoding.HiddenRows;
import dev.layermesh.decoding.TokenIds;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/**
 * Writes little-endian fields into an array of the right size. A writer without an array only counts, so that the same
 * calls first say how large the array must be. More than {@link Limits#FRAME_BYTES} is an IllegalStateException.
 */
final class FrameWriter {
  private final ByteBuffer out;
  private final boolean counting;
  private int size;

  private FrameWriter(ByteBuffer out, boolean counting) {
    this.out = out.order(ByteOrder.LITTLE_ENDIAN);
    this.counting = counting;
  }

  /** A writer that counts. */
  static FrameWriter counting() {
    return new FrameWriter(ByteBuffer.allocate(0), true);
  }

  /** A writer into {@code frame}. */
  static FrameWriter into(byte[] frame) {
    return new FrameWriter(ByteBuffer.wrap(frame), false);
  }

  /** Bytes written or counted. */
  int size() {
    return size;
  }

  FrameWriter u8(int value) {
    if (writes(1)) {
      out.put((byte) value);
    }
    return this;
  }

  FrameWriter u16(int value) {
    if (writes(2)) {
      out.putShort((short) value);
    }
    return this;
  }

  FrameWriter i32(int value) {
    if (writes(4)) {
      out.putInt(value);
    }
    return this;
  }

  FrameWriter i64(long value) {
    if (writes(8)) {
      out.putLong(value);
    }
    return this;
  }

  FrameWriter f32(float value) {
    if (writes(4)) {
      out.putFloat(value);
    }
    return this;
  }

  FrameWriter f64(double value) {
    if (writes(8)) {
      out.putDouble(value);
    }
    return this;
  }

  FrameWriter text(String value) {
    byte[] bytes = value.getBytes(StandardCharsets.UTF_8);
    if (bytes.length > Limits.TEXT_BYTES) {
      throw new IllegalArgumentException("a text of " + bytes.length + " bytes, at most " + Limits.TEXT_BYTES);
    }
    u16(bytes.length);
    if (writes(bytes.length)) {
      out.put(bytes);
    }
    return this;
  }

  FrameWriter ids(TokenIds ids) {
    i32(ids.length());
    for (int i = 0; i < ids.length(); i++) {
      i32(ids.id(i));
    }
    return this;
  }

  /** Zeros up to the next multiple of {@code alignment} from the frame's start. */
  FrameWriter align(int alignment) {
    while (size % alignment != 0) {
      u8(0);
    }
    return this;
  }

  /** The rows' elements, copied once; a writer that counts does not ask for them. */
  FrameWriter elements(HiddenRows rows) {
    long bytes = (long) rows.count() * rows.width() * rows.type().bytes();
    if (writes(bytes)) {
      for (HiddenRows part : rows.parts()) {
        MemorySegment elements = part.bytes();
        MemorySegment.copy(elements, 0, MemorySegment.ofBuffer(out), 0, elements.byteSize());
        out.position(out.position() + (int) elements.byteSize());
      }
    }
    return this;
  }

  /** Counts {@code bytes}; whether they are to be written. */
  private boolean writes(long bytes) {
    if (size + bytes > Limits.FRAME_BYTES) {
      throw new IllegalStateException("a message of " + (size + bytes) + " bytes or more: at most "
          + Limits.FRAME_BYTES + " travel in a frame");
    }
    size += (int) bytes;
    return !counting;
  }
}
