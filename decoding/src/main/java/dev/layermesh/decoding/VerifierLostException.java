package dev.layermesh.decoding;

/** No verifier answers any more: the session cannot continue here. */
public final class VerifierLostException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public VerifierLostException(String message) {
    super(message);
  }
}
