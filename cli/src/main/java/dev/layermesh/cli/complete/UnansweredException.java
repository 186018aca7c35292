package dev.layermesh.cli.complete;

/** A gateway cannot answer this time: it is busy, or a worker was lost. The same question may be answered later. */
public final class UnansweredException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** The gateway's address and its own words. */
  UnansweredException(String message) {
    super(message);
  }
}
