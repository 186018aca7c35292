package dev.layermesh.decoding;

/** There has been no room for the session here for too long; it may go on elsewhere, or later. */
public final class OverloadedException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public OverloadedException(String message) {
    super(message);
  }
}
