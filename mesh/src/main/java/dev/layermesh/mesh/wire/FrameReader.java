package dev.layermesh.mesh.wire;

import dev.layermesh.decoding.TokenIds;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;

/**
 * Reads what {@link FrameWriter} wrote. Allocates no more than the frame holds; rows of exit states stay in the frame
 * and are handed out as a view. A wrong byte is a {@link WireException}.
 */
final class FrameReader {
  private final ByteBuffer in;

  /** Reads {@code frame} from its first byte on. */
  FrameReader(ByteBuffer frame) {
    in = frame.slice().order(ByteOrder.LITTLE_ENDIAN);
  }

  int u8() {
    need(1);
    return in.get() & 0xFF;
  }

  int u16() {
    need(2);
    return in.getShort() & 0xFFFF;
  }

  int i32() {
    need(4);
    return in.getInt();
  }

  long i64() {
    need(8);
    return in.getLong();
  }

  double f64() {
    need(8);
    return in.getDouble();
  }

  /** A value of a flag byte: 0 or 1. */
  boolean flag() {
    int value = u8();
    if (value > 1) {
      throw new WireException("flag " + value);
    }
    return value == 1;
  }

  /** A number of elements of {@code bytesEach}, which the frame must be able to hold. */
  int count(int bytesEach) {
    int count = i32();
    if (count < 0 || (long) count * bytesEach > in.remaining()) {
      throw new WireException(count + " elements of " + bytesEach + " bytes in the last " + in.remaining() + " bytes");
    }
    return count;
  }

  String text() {
    int length = u16();
    if (length > Limits.TEXT_BYTES) {
      throw new WireException("a text of " + length + " bytes");
    }
    need(length);
    try {
      String text = StandardCharsets.UTF_8.newDecoder().decode(in.slice(in.position(), length)).toString();
      in.position(in.position() + length);
      return text;
    } catch (CharacterCodingException malformed) {
      throw new WireException("a text that is not UTF-8", malformed);
    }
  }

  TokenIds ids() {
    return TokenIds.of(ints(count(4)));
  }

  int[] ints(int count) {
    need(4L * count);
    int[] values = new int[count];
    for (int i = 0; i < count; i++) {
      values[i] = in.getInt();
    }
    return values;
  }

  /** Probabilities: finite, not negative. */
  float[] masses(int count) {
    need(4L * count);
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = in.getFloat();
      if (!(values[i] >= 0 && values[i] < Float.POSITIVE_INFINITY)) {
        throw new WireException("probability " + values[i]);
      }
    }
    return values;
  }

  void align(int alignment) {
    while (in.position() % alignment != 0) {
      if (u8() != 0) {
        throw new WireException("padding that is not zero at " + (in.position() - 1));
      }
    }
  }

  /** The next {@code size} bytes of the frame itself, aligned to nothing. */
  MemorySegment view(long size) {
    need(size);
    var view = MemorySegment.ofBuffer(in.slice(in.position(), (int) size));
    in.position(in.position() + (int) size);
    return view;
  }

  void end() {
    if (in.hasRemaining()) {
      throw new WireException(in.remaining() + " bytes after the end");
    }
  }

  private void need(long bytes) {
    if (bytes > in.remaining()) {
      throw new WireException("ends " + (bytes - in.remaining()) + " bytes short");
    }
  }
}
