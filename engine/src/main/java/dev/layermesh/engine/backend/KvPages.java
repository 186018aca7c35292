package dev.layermesh.engine.backend;

import java.util.List;

/**
 * Keys and values of one session in one layer, float32, in pages of a fixed number of positions: a layer's part of the
 * session's blocks. Values of a page are [HKV, positions, HD], keys are transposed, [HKV, HD, stride]: scores of
 * neighbouring positions are then computed side by side, without a sum across lanes. Belongs to the lane's thread;
 * helpers read it during a step.
 */
final class KvPages {
  private final int layer;
  private final List<KvBlock> blocks;
  private final int kvHeads;
  private final int headDim;
  private final int pagePositions;
  private final int keyStride;

  /**
   * A layer of {@code blocks}.
   *
   * @param blocks in order of position; more may come
   */
  KvPages(KvShape shape, int layer, List<KvBlock> blocks) {
    this.layer = layer;
    this.blocks = blocks;
    this.kvHeads = shape.kvHeads();
    this.headDim = shape.headDim();
    this.pagePositions = shape.positions();
    this.keyStride = shape.keyStride();
  }

  /** HD */
  int headDim() {
    return headDim;
  }

  /** Positions of a page. */
  int pagePositions() {
    return pagePositions;
  }

  /** Elements between neighbouring dimensions of a page's keys: its positions, padded to a multiple of 16. */
  int keyStride() {
    return keyStride;
  }

  /** The page that holds the keys of {@code position}. */
  float[] keys(int position) {
    return blocks.get(position / pagePositions).keys(layer);
  }

  /** The page that holds the values of {@code position}. */
  float[] values(int position) {
    return blocks.get(position / pagePositions).values(layer);
  }

  /** Where in its page the key of a head at a position begins; its elements are {@link #keyStride()} apart. */
  int keyOffset(int kvHead, int position) {
    return kvHead * headDim * keyStride + position % pagePositions;
  }

  /** Where in its page the value of a head at a position begins; its elements lie together. */
  int valueOffset(int kvHead, int position) {
    return (kvHead * pagePositions + position % pagePositions) * headDim;
  }

  /** Writes keys and values of a position. k, v: the HKV*HD elements at {@code from}. */
  void put(int position, float[] k, float[] v, int from) {
    float[] keyPage = keys(position);
    float[] valuePage = values(position);
    for (int head = 0; head < kvHeads; head++) {
      int source = from + head * headDim;
      int key = keyOffset(head, position);
      for (int i = 0; i < headDim; i++) {
        keyPage[key + i * keyStride] = k[source + i];
      }
      System.arraycopy(v, source, valuePage, valueOffset(head, position), headDim);
    }
  }
}
