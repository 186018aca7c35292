package dev.layermesh.engine.measure;

/**
 * How long a step took.
 *
 * @param test what ran
 * @param rows of a step
 * @param secondsPerStep mean over the steps of the test
 * @param bytesPerSecond stored bytes of the weights that a step reads, per second
 * @param readBytesPerSecond what plain reading gave with the same threads just before
 */
public record Timing(
    StepTest test, int rows, double secondsPerStep, double bytesPerSecond, double readBytesPerSecond) {

  /** Rows per second. */
  public double tokensPerSecond() {
    return rows / secondsPerStep;
  }

  /** Share of memory's read rate that streaming the weights takes; of meaning for steps of few rows. */
  public double fractionOfRead() {
    return bytesPerSecond / readBytesPerSecond;
  }
}
