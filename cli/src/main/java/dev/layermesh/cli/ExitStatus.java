package dev.layermesh.cli;

/** The statuses a process of ours ends with, besides 0. */
final class ExitStatus {
  /** The run failed, or a check found a difference. */
  static final int RUN_FAILED = 1;
  /** The user can put it right: usage, input, file or configuration. */
  static final int BAD_INPUT = 2;

  private ExitStatus() {}
}
