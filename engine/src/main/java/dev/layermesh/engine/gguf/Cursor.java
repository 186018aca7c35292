package dev.layermesh.engine.gguf;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import dev.layermesh.decoding.InputException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/** Reads a file from front to back. Refuses every length that goes beyond the end of the file. */
final class Cursor {
  private static final int SHOWN_CHARACTERS = 80;
  private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final Path file;
  private final MemorySegment bytes;
  private long at;

  Cursor(Path file, MemorySegment bytes) {
    this.file = file;
    this.bytes = bytes;
  }

  /** Offset of the next byte. */
  long at() {
    return at;
  }

  /** Bytes from here to the end of the file. */
  long left() {
    return bytes.byteSize() - at;
  }

  /** 32 bits. */
  int word(String field) {
    return take(field, Integer.BYTES).get(INT, 0);
  }

  /**
   * An unsigned 64-bit count.
   *
   * @param most allowed; a larger number is refused
   */
  long count(String field, long most) {
    long count = take(field, Long.BYTES).get(LONG, 0);
    if (count < 0 || count > most) {
      throw InputException.in(file, field, Long.toUnsignedString(count), "must be at most " + most);
    }
    return count;
  }

  /** An unsigned 64-bit number. */
  long offset(String field) {
    return take(field, Long.BYTES).get(LONG, 0);
  }

  /** A string of 1 to {@code most} bytes of UTF-8. */
  String name(String field, int most) {
    long length = take(field + ".length", Long.BYTES).get(LONG, 0);
    if (length < 1 || length > most) {
      throw InputException.in(
          file, field + ".length", Long.toUnsignedString(length), "must be between 1 and " + most);
    }
    return text(field, length);
  }

  /** The next {@code length} bytes as UTF-8. */
  String text(String field, long length) {
    MemorySegment utf8 = take(field, length);
    try {
      return StandardCharsets.UTF_8.newDecoder().decode(utf8.asByteBuffer()).toString();
    } catch (CharacterCodingException e) {
      throw InputException.in(file, field, shortened(utf8), "is not UTF-8");
    }
  }

  /** The first characters of a text of any length; bytes that are not UTF-8 are replaced. */
  static String shortened(MemorySegment utf8) {
    byte[] beginning = utf8.asSlice(0, Math.min(utf8.byteSize(), 4L * SHOWN_CHARACTERS)).toArray(JAVA_BYTE);
    String text = new String(beginning, StandardCharsets.UTF_8);
    return text.length() <= SHOWN_CHARACTERS ? text : text.substring(0, SHOWN_CHARACTERS) + "…";
  }

  /** The bytes from {@code begin} to here. */
  MemorySegment since(long begin) {
    return bytes.asSlice(begin, at - begin);
  }

  /** The next {@code length} bytes. */
  MemorySegment take(String field, long length) {
    if (length > left()) {
      throw InputException.in(file, "file size", bytes.byteSize(), "ends within " + field);
    }
    MemorySegment taken = bytes.asSlice(at, length);
    at += length;
    return taken;
  }
}
