package dev.layermesh.engine.gguf;

import java.io.ByteArrayOutputStream;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/** Builds GGUF files field by field, valid or damaged. */
final class Ggufs {
  static final Path FILE = Path.of("model.gguf");

  private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();

  /** The beginning of a file that claims so many tensors and keys. */
  static Ggufs header(long tensors, long keys) {
    return new Ggufs().word(GgufFile.MAGIC).word(3).number(tensors).number(keys);
  }

  Ggufs word(int value) {
    bytes.writeBytes(ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putInt(value).array());
    return this;
  }

  Ggufs number(long value) {
    bytes.writeBytes(ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(value).array());
    return this;
  }

  Ggufs octets(int... values) {
    for (int value : values) {
      bytes.write(value);
    }
    return this;
  }

  Ggufs string(String text) {
    byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
    number(utf8.length);
    bytes.writeBytes(utf8);
    return this;
  }

  /** A key of type UINT32. */
  Ggufs key(String key, int value) {
    return string(key).word(ValueType.UINT32.ordinal()).word(value);
  }

  /** A vector of float32 numbers. */
  Ggufs tensor(String name, long size, long offset) {
    return string(name).word(1).number(size).word(GgmlType.F32.id()).number(offset);
  }

  /** Zeros up to a multiple of 32, then so many more. */
  Ggufs data(int count) {
    bytes.writeBytes(new byte[(32 - bytes.size() % 32) % 32 + count]);
    return this;
  }

  GgufFile parse() {
    return GgufFile.parse(FILE, MemorySegment.ofArray(bytes.toByteArray()));
  }
}
