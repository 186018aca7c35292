package dev.layermesh.engine.cpu.kernels;

import dev.layermesh.engine.kv.KvCache;

/**
 * Keys and values of one session in one layer, as kernels read them: float32, a head of a page at a time. A row of a
 * step has one, which shows one layer after the other. Belongs to the lane's thread; helpers read it during a step.
 */
public final class KvPages {
  private final KvPageStorage storage;
  private final KvShape shape;
  private final int keyStride;
  private KvCache cache; // set by show, before anything else is asked
  private int layer;

  /** Shows nothing yet. */
  public KvPages(KvPageStorage storage) {
    this.storage = storage;
    this.shape = storage.shape();
    this.keyStride = shape.keyStride();
  }

  /**
   * Shows a session's blocks from now on.
   *
   * @param layer of those that attend, from 0
   */
  public void show(KvCache cache, int layer) {
    this.cache = cache;
    this.layer = layer;
  }

  /** HD */
  public int headDim() {
    return shape.headDim();
  }

  /** Positions of a page. */
  public int pagePositions() {
    return shape.positions();
  }

  /** Elements between neighbouring dimensions of a page's keys: its positions, padded to a multiple of 16. */
  public int keyStride() {
    return keyStride;
  }

  /** Where in what {@link #keys} gives the keys of a head begin, [HD, stride]. */
  public int keyOffset(int kvHead) {
    return shape.keyOffset(kvHead, 0);
  }

  /** Where in what {@link #values} gives the values of a head begin, [positions, HD]. */
  public int valueOffset(int kvHead) {
    return shape.valueOffset(kvHead, 0);
  }

  /**
   * Keys of a head, those of {@code held} positions of the page that begins at position {@code first}: the page itself,
   * or as {@code kernels} widen them.
   *
   * @param wide the kernels' memory for it, used again by the next call
   */
  public float[] keys(int kvHead, int first, int held, Kernels kernels, FloatArray wide) {
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
  public float[] values(int kvHead, int first, int held, Kernels kernels, FloatArray wide) {
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
  public void put(int position, Activations k, Activations v, int row) {
    page(position).put(position % shape.positions(), k, v, row);
  }

  private KvPage page(int position) {
    return storage.page(cache.block(position / shape.positions()), layer);
  }
}
