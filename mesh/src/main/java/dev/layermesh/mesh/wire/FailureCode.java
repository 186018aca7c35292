package dev.layermesh.mesh.wire;

/** Why a session was refused or failed, for the one who must decide what to do next. */
public enum FailureCode {
  /** No room now; another worker, or a later attempt, may do. */
  OVERLOADED(1),
  /** The worker finishes what it has and takes nothing new; another one may do. */
  DRAINING(2),
  /** The request is wrong and will be wrong everywhere. */
  BAD_INPUT(3),
  /** A later incarnation of the session is known here, or this one has ended. */
  STALE(4),
  /** The worker holds no such session, though it may have held one. */
  UNKNOWN_SESSION(5),
  /** No verifier could be had; another draft worker may have more luck. */
  VERIFIER_LOST(6),
  /** The worker broke down; another one may do. */
  INTERNAL(7),
  /** The worker left the mesh or gave no sign of life. Never on the wire: it is the observer's own finding. */
  LOST(8);

  private final int code;

  FailureCode(int code) {
    this.code = code;
  }

  int code() {
    return code;
  }

  static FailureCode of(int code) {
    for (FailureCode each : values()) {
      if (each.code == code) {
        return each;
      }
    }
    throw new WireException("failure code " + code);
  }
}
