package dev.layermesh.mesh.wire;

/** What a frame says; its number is the frame's fourth byte. Numbers are never used for something else. */
public enum Kind {
  OPEN_VERIFIER(1),
  EXTEND(2),
  DRAFT_WINDOW(3),
  CLOSE_VERIFIER(4),
  KEEP_ALIVE(5),
  VERIFIER_OPENED(16),
  VERIFIER_REFUSED(17),
  EXTENDED(18),
  VERDICT(19),
  DIVERGED(20),
  BEHIND(21),
  STALE_EPOCH(22),
  OVERLOADED(23),
  NO_SESSION(24),
  IN_PROGRESS(25),
  VERIFIER_CLOSED(26),
  OPEN_SESSION(32),
  CREDIT(33),
  CANCEL(34),
  FINAL_ACK(35),
  SESSION_OPENED(48),
  SESSION_REFUSED(49),
  TOKENS(50),
  PREFILLED(51),
  FINISHED(52),
  FAILED(53);

  private final int code;

  Kind(int code) {
    this.code = code;
  }

  int code() {
    return code;
  }

  static Kind of(int code) {
    for (Kind each : values()) {
      if (each.code == code) {
        return each;
      }
    }
    throw new WireException("kind " + code);
  }
}
