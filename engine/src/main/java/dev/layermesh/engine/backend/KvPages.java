package dev.layermesh.engine.backend;

import java.util.ArrayList;
import java.util.List;

/**
 * Keys and values of one session in one layer, float32, in pages of a fixed number of positions so that memory grows
 * with length. A page is [HKV, positions, HD]: what a head reads lies together. Belongs to the lane's thread; helpers
 * read it during a step.
 */
final class KvPages {
  private final int kvHeads;
  private final int headDim;
  private final int pagePositions;
  private final List<float[]> keys = new ArrayList<>();
  private final List<float[]> values = new ArrayList<>();

  KvPages(int kvHeads, int headDim, int pagePositions) {
    this.kvHeads = kvHeads;
    this.headDim = headDim;
    this.pagePositions = pagePositions;
  }

  /** HD */
  int headDim() {
    return headDim;
  }

  /** Positions of a page. */
  int pagePositions() {
    return pagePositions;
  }

  /** The page that holds the keys of {@code position}. */
  float[] keys(int position) {
    return keys.get(position / pagePositions);
  }

  /** The page that holds the values of {@code position}. */
  float[] values(int position) {
    return values.get(position / pagePositions);
  }

  /** Where in its page the HD elements of a head at a position begin. */
  int offset(int kvHead, int position) {
    return (kvHead * pagePositions + position % pagePositions) * headDim;
  }

  /** Adds pages until {@code positions} fit. */
  void reach(int positions) {
    while ((long) keys.size() * pagePositions < positions) {
      keys.add(new float[kvHeads * pagePositions * headDim]);
      values.add(new float[kvHeads * pagePositions * headDim]);
    }
  }

  /** Writes keys and values of a position. k, v: the HKV*HD elements at {@code from}. */
  void put(int position, float[] k, float[] v, int from) {
    float[] keyPage = keys(position);
    float[] valuePage = values(position);
    for (int head = 0; head < kvHeads; head++) {
      System.arraycopy(k, from + head * headDim, keyPage, offset(head, position), headDim);
      System.arraycopy(v, from + head * headDim, valuePage, offset(head, position), headDim);
    }
  }
}
