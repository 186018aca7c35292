package dev.layermesh.mesh.wire;

import dev.layermesh.decoding.TokenIds;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** Writes little-endian fields into an array that grows as far as a frame may; beyond is an IllegalStateException. */
final class FrameWriter {
  /** Bytes of a text at most. */
  static final int MAX_TEXT = 4096;

  private ByteBuffer out = ByteBuffer.allocate(256).order(ByteOrder.LITTLE_ENDIAN);

  FrameWriter u8(int value) {
    room(1).put((byte) value);
    return this;
  }

  FrameWriter u16(int value) {
    room(2).putShort((short) value);
    return this;
  }

  FrameWriter i32(int value) {
    room(4).putInt(value);
    return this;
  }

  FrameWriter i64(long value) {
    room(8).putLong(value);
    return this;
  }

  FrameWriter f32(float value) {
    room(4).putFloat(value);
    return this;
  }

  FrameWriter f64(double value) {
    room(8).putDouble(value);
    return this;
  }

  FrameWriter text(String value) {
    byte[] bytes = value.getBytes(StandardCharsets.UTF_8);
    if (bytes.length > MAX_TEXT) {
      throw new IllegalArgumentException("a text of " + bytes.length + " bytes, at most " + MAX_TEXT);
    }
    u16(bytes.length);
    room(bytes.length).put(bytes);
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
    while (out.position() % alignment != 0) {
      u8(0);
    }
    return this;
  }

  FrameWriter bytes(MemorySegment bytes) {
    int size = Math.toIntExact(bytes.byteSize());
    room(size);
    MemorySegment.copy(bytes, 0, MemorySegment.ofArray(out.array()), out.position(), size);
    out.position(out.position() + size);
    return this;
  }

  byte[] toArray() {
    return Arrays.copyOf(out.array(), out.position());
  }

  private ByteBuffer room(int bytes) {
    if (out.remaining() < bytes) {
      int needed = Math.addExact(out.position(), bytes);
      if (needed > Frame.MAX_BYTES) {
        throw new IllegalStateException("a message of " + needed + " bytes or more: at most " + Frame.MAX_BYTES
            + " travel in a frame");
      }
      byte[] larger = Arrays.copyOf(out.array(), Math.max(needed, Math.min(2 * out.capacity(), Frame.MAX_BYTES)));
      out = ByteBuffer.wrap(larger).order(ByteOrder.LITTLE_ENDIAN).position(out.position());
    }
    return out;
  }
}
