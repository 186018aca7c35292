package dev.layermesh.decoding;

/** The session has waited too long for memory here. It may continue at another worker, or later. */
public final class OverloadedException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public OverloadedException(String message) {
    super(message);
  }
}
