package dev.layermesh.engine.backend;

/**
 * Sizes of a block of keys and values.
 *
 * @param layers L, those of a stack that attend
 * @param kvHeads HKV
 * @param headDim HD
 * @param positions of a block
 */
record KvShape(int layers, int kvHeads, int headDim, int positions) {
  private static final int WHOLE_VECTOR = 16; // rows of keys are padded to it: vectors may read past the last position

  /** Elements between neighbouring dimensions of keys: positions, padded to a multiple of 16. */
  int keyStride() {
    return Math.ceilDiv(positions, WHOLE_VECTOR) * WHOLE_VECTOR;
  }

  /** Elements of a layer's keys, [HKV, HD, stride]. */
  int keyElements() {
    return Math.multiplyExact(kvHeads * headDim, keyStride());
  }

  /** Elements of a layer's values, [HKV, positions, HD]. */
  int valueElements() {
    return Math.multiplyExact(kvHeads * headDim, positions);
  }

  /** Bytes of a block. */
  long bytes() {
    return (long) layers * Float.BYTES * ((long) keyElements() + valueElements());
  }

  /** Blocks that hold {@code length} positions. */
  int blocks(int length) {
    return Math.ceilDiv(length, positions);
  }
}
