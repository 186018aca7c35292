package dev.layermesh.engine.lane;

/**
 * Counters of a stage since the lane started.
 *
 * @param steps batches run
 * @param rows rows in them
 * @param decodeSteps batches with at least one row that asked for logits
 * @param decodeRows rows that asked for logits
 */
public record LaneStats(long steps, long rows, long decodeSteps, long decodeRows) {

  /** Rows that share one pass over the weights while decoding; 0 before the first. */
  public double meanDecodeRows() {
    return decodeSteps == 0 ? 0 : (double) decodeRows / decodeSteps;
  }
}
