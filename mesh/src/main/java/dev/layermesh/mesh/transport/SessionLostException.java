package dev.layermesh.mesh.transport;

import dev.layermesh.mesh.wire.FailureCode;

/** A session does not run any more where it was opened, or never did. What to do next depends on the code. */
public final class SessionLostException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final FailureCode code;

  public SessionLostException(FailureCode code, String message) {
    super(message);
    this.code = code;
  }

  /** Why. */
  public FailureCode code() {
    return code;
  }
}
