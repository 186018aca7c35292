package dev.layermesh.engine.checkpoint;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/** SHA-256 over fields. The length precedes each field, so different lists of fields have different bytes. */
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

  /** Adds name, dtype, shape and 8 blocks of the data at even distances, from the first byte to the last. */
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
