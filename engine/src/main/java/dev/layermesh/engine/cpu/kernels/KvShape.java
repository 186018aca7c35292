package dev.layermesh.engine.cpu.kernels;

import dev.layermesh.decoding.InputException;
import dev.layermesh.engine.kv.KvType;
import dev.layermesh.engine.packed.PackedFormat;

/**
 * Sizes of a block of keys and values.
 *
 * @param type of its elements
 * @param layers L, those of a stack that attend
 * @param kvHeads HKV
 * @param headDim HD, where elements are quantized a multiple of 32
 * @param positions of a block
 */
public record KvShape(KvType type, int layers, int kvHeads, int headDim, int positions) {
  private static final int WHOLE_VECTOR = 16; // rows of keys are padded to it: vectors may read past the last position

  public KvShape {
    if (type == KvType.Q8_0 && headDim % PackedFormat.BLOCK != 0) {
      throw InputException.of("--kv-type", type, "keys of this model's heads have " + headDim
          + " elements, which are no whole blocks of " + PackedFormat.BLOCK + ": give " + KvType.F32);
    }
  }

  /** Elements between neighbouring dimensions of keys: positions, padded to a multiple of 16. */
  public int keyStride() {
    return Math.ceilDiv(positions, WHOLE_VECTOR) * WHOLE_VECTOR;
  }

  /** Elements of a layer's keys, [HKV, HD, stride]. */
  public int keyElements() {
    return Math.multiplyExact(kvHeads * headDim, keyStride());
  }

  /** Elements of a layer's values, [HKV, positions, HD]. */
  public int valueElements() {
    return Math.multiplyExact(kvHeads * headDim, positions);
  }

  /** Where in its page the key of a head begins; its elements are {@link #keyStride()} apart. */
  public int keyOffset(int kvHead, int place) {
    return kvHead * headDim * keyStride() + place;
  }

  /** Where in its page the value of a head begins; its elements lie together. */
  public int valueOffset(int kvHead, int place) {
    return (kvHead * positions + place) * headDim;
  }

  /** Bytes of a block. */
  public long bytes() {
    return layers * type.bytes((long) keyElements() + valueElements());
  }
}
