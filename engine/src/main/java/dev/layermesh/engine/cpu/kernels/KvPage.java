package dev.layermesh.engine.cpu.kernels;

import dev.layermesh.engine.packed.PackedFormat;

/**
 * Keys and values of a block's positions in one layer. Values are [HKV, positions, HD], keys are transposed, [HKV, HD,
 * stride]: scores of neighbouring positions are then computed side by side, without a sum across lanes.
 */
public sealed interface KvPage {

  /** An empty page. */
  static KvPage of(KvShape shape) {
    return switch (shape.type()) {
      case F32 -> new Full(shape, new float[shape.keyElements()], new float[shape.valueElements()]);
      case Q8_0 -> new Quants(shape, new byte[shape.keyElements()], new float[shape.keyElements() / PackedFormat.BLOCK],
          new byte[shape.valueElements()], new float[shape.valueElements() / PackedFormat.BLOCK]);
    };
  }

  /**
   * Writes a position.
   *
   * @param place of the position in the page
   * @param k keys, [T, HKV*HD], quantized if pages are
   * @param v values, likewise
   * @param row t of both
   */
  void put(int place, Activations k, Activations v, int row);

  /** Copies all of another page of the same shape. */
  void copy(KvPage other);

  /** As they were computed. */
  record Full(KvShape shape, float[] keys, float[] values) implements KvPage {

    @Override
    public void put(int place, Activations k, Activations v, int row) {
      int stride = shape.keyStride();
      for (int head = 0; head < shape.kvHeads(); head++) {
        int source = row * k.width() + head * shape.headDim();
        int key = shape.keyOffset(head, place);
        for (int i = 0; i < shape.headDim(); i++) {
          keys[key + i * stride] = k.values().array()[source + i];
        }
        System.arraycopy(v.values().array(), source, values, shape.valueOffset(head, place), shape.headDim());
      }
    }

    @Override
    public void copy(KvPage other) {
      Full from = (Full) other;
      System.arraycopy(from.keys, 0, keys, 0, keys.length);
      System.arraycopy(from.values, 0, values, 0, values.length);
    }
  }

  /**
   * In blocks of 32 8-bit numbers of a head: {@code x ≈ scale * quant}.
   *
   * @param keyScales [HKV, HD/32, stride]
   * @param valueScales [HKV, positions, HD/32]
   */
  record Quants(KvShape shape, byte[] keys, float[] keyScales, byte[] values, float[] valueScales)
      implements KvPage {

    @Override
    public void put(int place, Activations k, Activations v, int row) {
      int stride = shape.keyStride();
      int blocks = shape.headDim() / PackedFormat.BLOCK;
      for (int head = 0; head < shape.kvHeads(); head++) {
        int source = row * k.width() + head * shape.headDim();
        int key = shape.keyOffset(head, place);
        for (int i = 0; i < shape.headDim(); i++) {
          keys[key + i * stride] = k.quants()[source + i];
        }
        int firstBlock = source / PackedFormat.BLOCK;
        for (int b = 0; b < blocks; b++) {
          keyScales[(head * blocks + b) * stride + place] = k.scales().array()[firstBlock + b];
        }
        int value = shape.valueOffset(head, place);
        System.arraycopy(v.quants(), source, values, value, shape.headDim());
        System.arraycopy(v.scales().array(), firstBlock, valueScales, value / PackedFormat.BLOCK, blocks);
      }
    }

    @Override
    public void copy(KvPage other) {
      Quants from = (Quants) other;
      System.arraycopy(from.keys, 0, keys, 0, keys.length);
      System.arraycopy(from.keyScales, 0, keyScales, 0, keyScales.length);
      System.arraycopy(from.values, 0, values, 0, values.length);
      System.arraycopy(from.valueScales, 0, valueScales, 0, valueScales.length);
    }
  }
}
