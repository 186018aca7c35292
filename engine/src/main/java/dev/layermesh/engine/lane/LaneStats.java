package dev.layermesh.engine.lane;

/**
 * Counters of a lane since it started.
 *
 * @param steps batches run
 * @param rows rows in them
 * @param decodeSteps batches in which somebody waited for a token
 * @param decodeRows rows of such waiting sessions
 */
public record LaneStats(long steps, long rows, long decodeSteps, long decodeRows) {

  /** Rows that share one pass over the weights while decoding; 0 before the first. */
  public double meanDecodeRows() {
    return decodeSteps == 0 ? 0 : (double) decodeRows / decodeSteps;
  }
}
