package dev.layermesh.engine.checkpoint;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/** SHA-256 over fields, each preceded by its length, so that no two lists of fields run into the same bytes. */
public final class Digest {
  private static final int HEX_DIGITS = 16;
  private static final int BLOCKS = 8;
  private static final int BLOCK_BYTES = 512;

  private final MessageDigest digest;

  /** Without fields. */
  public Digest() {
    try {
      digest = MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every JDK has SHA-256", e);
    }
  }

  /** Adds a text as UTF-8. */
  public Digest add(String field) {
    return add(field.getBytes(StandardCharsets.UTF_8));
  }

  /** Adds bytes. */
  public Digest add(byte[] field) {
    digest.update(ByteBuffer.allocate(Integer.BYTES).putInt(field.length).flip());
    digest.update(field);
    return this;
  }

  /** Name, dtype, shape and blocks spread evenly over the data, its first and last bytes among them. */
  Digest sample(TensorView tensor) {
    add(tensor.toString());
    MemorySegment data = tensor.data();
    if (data.byteSize() <= BLOCKS * BLOCK_BYTES) {
      return add(data.toArray(JAVA_BYTE));
    }
    long last = data.byteSize() - BLOCK_BYTES;
    for (int i = 0; i < BLOCKS; i++) {
      add(data.asSlice(last * i / (BLOCKS - 1), BLOCK_BYTES).toArray(JAVA_BYTE));
    }
    return this;
  }

  /** The first 16 hexadecimal digits of the sum. Ends the digest. */
  public String hex() {
    return HexFormat.of().formatHex(digest.digest()).substring(0, HEX_DIGITS);
  }
}
