package dev.layermesh.engine.backend;

import java.util.ArrayList;
import java.util.List;

/**
 * Keys and values of one session in one layer, float32, in pages of a fixed number of positions so that memory grows
 * with length. Values of a page are [HKV, positions, HD], keys are transposed, [HKV, HD, stride]: scores of
 * neighbouring positions are then computed side by side, without a sum across lanes. Belongs to the lane's thread;
 * helpers read it during a step.
 */
final class KvPages {
  private static final int WHOLE_VECTOR = 16; // rows of keys are padded to it: vectors may read past the last position

  private final int kvHeads;
  private final int headDim;
  private final int pagePositions;
  private final int keyStride;
  private final List<float[]> keys = new ArrayList<>();
  private final List<float[]> values = new ArrayList<>();

  KvPages(int kvHeads, int headDim, int pagePositions) {
    this.kvHeads = kvHeads;
    this.headDim = headDim;
    this.pagePositions = pagePositions;
    this.keyStride = Math.ceilDiv(pagePositions, WHOLE_VECTOR) * WHOLE_VECTOR;
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
    return keys.get(position / pagePositions);
  }

  /** The page that holds the values of {@code position}. */
  float[] values(int position) {
    return values.get(position / pagePositions);
  }

  /** Where in its page the key of a head at a position begins; its elements are {@link #keyStride()} apart. */
  int keyOffset(int kvHead, int position) {
    return kvHead * headDim * keyStride + position % pagePositions;
  }

  /** Where in its page the value of a head at a position begins; its elements lie together. */
  int valueOffset(int kvHead, int position) {
    return (kvHead * pagePositions + position % pagePositions) * headDim;
  }

  /** Adds pages until {@code positions} fit. */
  void reach(int positions) {
    while ((long) keys.size() * pagePositions < positions) {
      keys.add(new float[kvHeads * headDim * keyStride]);
      values.add(new float[kvHeads * pagePositions * headDim]);
    }
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
