package dev.layermesh.cli.complete;

/** A gateway cannot answer this time: it is busy, or a worker was lost. The same request may succeed later. */
public final class UnansweredException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** The gateway's address and its message. */
  UnansweredException(String message) {
    super(message);
  }
}
