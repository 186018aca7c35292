package dev.layermesh.engine.checkpoint;

import java.util.Arrays;
import java.util.Optional;

/**
 * How the weights of a row are stored, little-endian: one by one, or in blocks that share scales. The names are those
 * of safetensors and of GGUF; the layouts of blocks are those of the GGUF specification (github.com/ggml-org/ggml,
 * docs/gguf.md, and the block structures it names).
 */
public enum DType {
  /** IEEE 754 binary32. */
  F32(1, 4),
  /** IEEE 754 binary16. */
  F16(1, 2),
  /** The upper half of a binary32. */
  BF16(1, 2),
  /** Scale d (F16), 32 signed bytes q: {@code d * q}. */
  Q8_0(32, 2 + 32),
  /** Scale d (F16), 32 nibbles q: {@code d * (q - 8)}. */
  Q4_0(32, 2 + 16),
  /** Scale d and minimum m (F16), 32 nibbles q: {@code d * q + m}. */
  Q4_1(32, 2 + 2 + 16),
  /** Scale d (F16), 32 fifth bits, 32 nibbles: {@code d * (q - 16)}. */
  Q5_0(32, 2 + 4 + 16),
  /** Scale d and minimum m (F16), 32 fifth bits, 32 nibbles: {@code d * q + m}. */
  Q5_1(32, 2 + 2 + 4 + 16),
  /** Scales d, dmin (F16), 8 pairs of 6-bit scale s and minimum m, 256 nibbles: {@code d * s * q - dmin * m}. */
  Q4_K(256, 2 + 2 + 12 + 128),
  /** As {@link #Q4_K}, with 256 fifth bits before the nibbles. */
  Q5_K(256, 2 + 2 + 12 + 32 + 128),
  /** 256 nibbles, 256 pairs of upper bits, 16 signed scales s, scale d (F16): {@code d * s * (q - 32)}. */
  Q6_K(256, 128 + 64 + 16 + 2);

  private final int blockWeights;
  private final int blockBytes;

  DType(int blockWeights, int blockBytes) {
    this.blockWeights = blockWeights;
    this.blockBytes = blockBytes;
  }

  /** Weights of a block; 1 for the types without blocks. A row is a whole number of blocks. */
  public int blockWeights() {
    return blockWeights;
  }

  /** Bytes of a block. */
  public int blockBytes() {
    return blockBytes;
  }

  /** Whether weights share a scale. */
  public boolean quantized() {
    return blockWeights > 1;
  }

  /** Whether rows of {@code columns} weights are whole blocks. */
  public boolean fits(int columns) {
    return columns % blockWeights == 0;
  }

  /** Bytes of a row of {@code columns} weights, which must be whole blocks. */
  public long rowBytes(int columns) {
    if (!fits(columns)) {
      throw new IllegalArgumentException("a row of " + columns + " in blocks of " + blockWeights + " " + this);
    }
    return (long) (columns / blockWeights) * blockBytes;
  }

  static Optional<DType> named(String name) {
    return Arrays.stream(values()).filter(dtype -> dtype.name().equals(name)).findFirst();
  }
}
