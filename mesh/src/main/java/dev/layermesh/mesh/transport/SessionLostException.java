package dev.layermesh.mesh.transport;

import dev.layermesh.decoding.InputException;
import dev.layermesh.decoding.OverloadedException;
import dev.layermesh.decoding.VerifierLostException;
import dev.layermesh.mesh.wire.FailureCode;
import java.util.concurrent.CompletionException;

/** A session was refused, or ended before its tokens were complete. The code says what may be tried next. */
public final class SessionLostException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final FailureCode code;

  public SessionLostException(FailureCode code, String message) {
    this(code, message, null);
  }

  private SessionLostException(FailureCode code, String message, Throwable cause) {
    super(message, cause);
    this.code = code;
  }

  /**
   * The failure of a session's outcome, or of opening it, with its code: {@code failure} itself if it has one, else
   * with {@code failure} as cause. Whatever is not expected of a session is {@link FailureCode#INTERNAL}.
   */
  public static SessionLostException of(Throwable failure) {
    return switch (failure) {
      case CompletionException wrapped when wrapped.getCause() != null -> of(wrapped.getCause());
      case SessionLostException known -> known;
      case InputException wrong -> of(FailureCode.BAD_INPUT, wrong);
      case VerifierLostException lost -> of(FailureCode.VERIFIER_LOST, lost);
      case OverloadedException full -> of(FailureCode.OVERLOADED, full);
      default -> of(FailureCode.INTERNAL, failure);
    };
  }

  private static SessionLostException of(FailureCode code, Throwable cause) {
    return new SessionLostException(code, String.valueOf(cause.getMessage()), cause);
  }

  /** Why. */
  public FailureCode code() {
    return code;
  }
}
