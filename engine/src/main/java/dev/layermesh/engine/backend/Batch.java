package dev.layermesh.engine.backend;

import dev.layermesh.engine.kv.KvCache;
import java.util.Arrays;

/**
 * Rows that run together in one step: segments of different sessions, one behind the other, each consecutive positions
 * of its session. Made once and filled anew for every step, so that a step allocates nothing. Belongs to one thread.
 */
public final class Batch {
  private KvCache[] caches = {};
  private int[] firsts = {};
  private int[] counts = {};
  private int segments;
  private int rows;

  /** A batch of one segment; see {@link #add}. */
  public static Batch of(KvCache cache, int first, int rows) {
    return new Batch().add(cache, first, rows);
  }

  /** Forgets all segments. */
  public void clear() {
    Arrays.fill(caches, 0, segments, null); // a session that is over must not be held
    segments = 0;
    rows = 0;
  }

  /**
   * Puts a segment behind the others.
   *
   * @param cache the session's cache, in no other segment, of length {@code first} when the batch runs
   * @param first position of the first row
   * @param rows number of rows, at least 1
   * @return this batch
   */
  public Batch add(KvCache cache, int first, int rows) {
    if (rows < 1 || first < 0) {
      throw new IllegalArgumentException(rows + " rows from position " + first);
    }
    if (segments == caches.length) {
      int room = Math.max(8, 2 * segments);
      caches = Arrays.copyOf(caches, room);
      firsts = Arrays.copyOf(firsts, room);
      counts = Arrays.copyOf(counts, room);
    }
    caches[segments] = cache;
    firsts[segments] = first;
    counts[segments] = rows;
    segments++;
    this.rows += rows;
    return this;
  }

  /** Number of segments. */
  public int segments() {
    return segments;
  }

  /** Cache of a segment. */
  public KvCache cache(int segment) {
    return caches[segment];
  }

  /** Position of a segment's first row. */
  public int first(int segment) {
    return firsts[segment];
  }

  /** Rows of a segment. */
  public int rows(int segment) {
    return counts[segment];
  }

  /** Rows of all segments. */
  public int rows() {
    return rows;
  }
}
