package dev.layermesh.engine.checkpoint;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.function.UnaryOperator;

/** Takes safetensors files apart and puts them together again, valid or damaged, for tests. */
public final class Safetensors {
  private Safetensors() {}

  /** A file of this header and this many zero bytes of data. */
  static byte[] file(String header, int dataBytes) {
    return file(header.getBytes(StandardCharsets.UTF_8), new byte[dataBytes]);
  }

  /** A file of this header and data. */
  static byte[] file(byte[] header, byte[] data) {
    return ByteBuffer.allocate(8 + header.length + data.length)
        .order(ByteOrder.LITTLE_ENDIAN).putLong(header.length).put(header).put(data).array();
  }

  /** The JSON of a file's header. */
  static String header(byte[] file) {
    return new String(file, 8, headerLength(file), StandardCharsets.UTF_8);
  }

  /** Rewrites a file's header and adjusts the header length. */
  static void editHeader(Path path, UnaryOperator<String> edit) {
    try {
      byte[] file = Files.readAllBytes(path);
      byte[] header = edit.apply(header(file)).getBytes(StandardCharsets.UTF_8);
      Files.write(path, file(header, Arrays.copyOfRange(file, 8 + headerLength(file), file.length)));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Changes one byte of a tensor, counted from the tensor's first. */
  public static void flipByte(Path path, String tensor, long at) {
    try (Arena arena = Arena.ofConfined()) {
      int position = Math.toIntExact(Shard.map(path, arena).extents().get(tensor).begin() + at);
      byte[] file = Files.readAllBytes(path);
      file[position] ^= 1;
      Files.write(path, file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static int headerLength(byte[] file) {
    return Math.toIntExact(ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN).getLong());
  }
}
