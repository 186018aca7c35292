package dev.layermesh.engine.backend;

import dev.layermesh.engine.kv.KvCache;
import dev.layermesh.engine.kv.KvPool;
import java.util.Arrays;

/**
 * Rows that run together in one step: segments of different sessions in order, each of consecutive positions. The
 * object is made once and filled anew for every step, so that a step allocates nothing. Belongs to one thread.
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
    Arrays.fill(caches, 0, segments, null); // a session that has ended must not be kept
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

  /**
   * Checks that every segment continues its cache, and takes the blocks that the rows need: what a stack does before it
   * runs them.
   *
   * @param memory the stack's
   * @param maxPositions of a session
   * @param room rows of the states
   * @throws IllegalStateException when a cache is another stack's, closed, twice in the batch or of another length than
   *     its segment's first position, or when there are too few blocks
   */
  public void reserve(KvPool memory, int maxPositions, int room) {
    if (rows < 1 || rows > room) {
      throw new IllegalStateException("a batch of " + rows + " rows over " + room + " rows of states");
    }
    for (int i = 0; i < segments; i++) {
      if (!caches[i].serves(memory) || twice(i)) {
        throw new IllegalStateException("a cache that is another stack's, closed or twice in the batch");
      }
      if (caches[i].length() != firsts[i] || firsts[i] > maxPositions - counts[i]) {
        throw new IllegalStateException(counts[i] + " rows from position " + firsts[i] + ", cache holds "
            + caches[i].length() + ", the model " + maxPositions);
      }
    }
    for (int i = 0; i < segments; i++) {
      if (!caches[i].reserve(firsts[i] + counts[i])) {
        throw new IllegalStateException(
            "no room for " + counts[i] + " rows from position " + firsts[i] + ": " + memory.stats());
      }
    }
  }

  private boolean twice(int segment) {
    for (int i = 0; i < segment; i++) {
      if (caches[i] == caches[segment]) {
        return true;
      }
    }
    return false;
  }

  /** Says that keys and values of all rows are written: what a stack does after it ran them. */
  public void advance() {
    for (int i = 0; i < segments; i++) {
      caches[i].advance(firsts[i] + counts[i]);
    }
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
