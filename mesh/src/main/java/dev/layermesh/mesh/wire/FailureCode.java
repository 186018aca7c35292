package dev.layermesh.mesh.wire;

/** Why a session was refused or failed. Says whether to try another worker, the same one later, or none. */
public enum FailureCode {
  /** No room now. Try another worker, or this one later. */
  OVERLOADED(1),
  /** The worker is shutting down and accepts no session. Try another worker. */
  DRAINING(2),
  /** The request is wrong; every worker would refuse it. */
  BAD_INPUT(3),
  /** A later incarnation of the session is known here, or this one has ended. */
  STALE(4),
  /** The worker holds no such session, though it may have held one. */
  UNKNOWN_SESSION(5),
  /** The draft worker found no verifier. Try another draft worker. */
  VERIFIER_LOST(6),
  /** The worker failed. Try another worker. */
  INTERNAL(7),
  /** The worker left the mesh or fell silent. Found by the receiver; never on the wire. */
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
