package dev.layermesh.cli.process;

/**
 * The statuses that a process of ours ends with, besides 0. The JVM ends it with 3 when the heap is full, by its flag
 * {@code -XX:+ExitOnOutOfMemoryError}.
 */
public final class ExitStatus {
  /** The run failed, or a check found a difference. */
  public static final int RUN_FAILED = 1;
  /** The user can put it right: usage, input, file or configuration. */
  public static final int BAD_INPUT = 2;

  private ExitStatus() {}
}
