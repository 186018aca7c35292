package dev.layermesh.engine.cpu;

import java.util.List;

/**
 * Keys and values of one session in one layer, in pages of a fixed number of positions: a layer's part of the
 * session's blocks. Kernels read them as float32, a head of a page at a time. Belongs to the lane's thread; helpers
 * read it during a step.
 */
final class KvPages {
  private final KvShape shape;
  private final int layer;
  private final List<KvBlock> blocks;
  private final int keyStride;

  /**
   * A layer of {@code blocks}.
   *
   * @param blocks in order of position; more may come
   */
  KvPages(KvShape shape, int layer, List<KvBlock> blocks) {
    this.shape = shape;
    this.layer = layer;
    this.blocks = blocks;
    this.keyStride = shape.keyStride();
  }

  /** HD */
  int headDim() {
    return shape.headDim();
  }

  /** Positions of a page. */
  int pagePositions() {
    return shape.positions();
  }

  /** Elements between neighbouring dimensions of a page's keys: its positions, padded to a multiple of 16. */
  int keyStride() {
    return keyStride;
  }

  /** Where in what {@link #keys} gives the keys of a head begin, [HD, stride]. */
  int keyOffset(int kvHead) {
    return shape.keyOffset(kvHead, 0);
  }

  /** Where in what {@link #values} gives the values of a head begin, [positions, HD]. */
  int valueOffset(int kvHead) {
    return shape.valueOffset(kvHead, 0);
  }

  /**
   * Keys of a head, those of {@code held} positions of the page that begins at position {@code first}: the page itself,
   * or as {@code kernels} widen them.
   *
   * @param wide the kernels' memory for it, used again by the next call
   */
  float[] keys(int kvHead, int first, int held, Kernels kernels, Floats wide) {
    return switch (page(first)) {
      case KvPage.Full full -> full.keys();
      case KvPage.Quants quants -> {
        wide.reserve(shape.keyElements());
        kernels.widenKeys(quants, kvHead, held, wide);
        yield wide.array();
      }
    };
  }

  /** Values of a head; see {@link #keys}. */
  float[] values(int kvHead, int first, int held, Kernels kernels, Floats wide) {
    return switch (page(first)) {
      case KvPage.Full full -> full.values();
      case KvPage.Quants quants -> {
        wide.reserve(shape.valueElements());
        kernels.widenValues(quants, kvHead, held, wide);
        yield wide.array();
      }
    };
  }

  /** Writes keys and values of a position: row {@code row} of k and v, [T, HKV*HD], quantized if pages are. */
  void put(int position, Activations k, Activations v, int row) {
    page(position).put(position % shape.positions(), k, v, row);
  }

  private KvPage page(int position) {
    return blocks.get(position / shape.positions()).layer(layer);
  }
}
