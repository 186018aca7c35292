package dev.layermesh.engine.backend;

import java.util.List;

/**
 * Rows that run together in one step: segments of different sessions, one behind the other.
 *
 * @param segments at least one, each of a different cache
 */
public record Batch(List<Segment> segments) {

  /**
   * Consecutive positions of one session.
   *
   * @param cache the session's cache, of length {@code first} when the batch runs
   * @param first position of the first row
   * @param rows number of rows, at least 1
   */
  public record Segment(KvCache cache, int first, int rows) {
    public Segment {
      if (rows < 1 || first < 0) {
        throw new IllegalArgumentException(rows + " rows from position " + first);
      }
    }
  }

  public Batch {
    segments = List.copyOf(segments);
    if (segments.isEmpty()) {
      throw new IllegalArgumentException("a batch of no segments");
    }
  }

  /** Rows of all segments. */
  public int rows() {
    return segments.stream().mapToInt(Segment::rows).sum();
  }
}
