package dev.layermesh.mesh.wire;

import dev.layermesh.decoding.DraftWindow;
import dev.layermesh.decoding.VerifyReply;
import dev.layermesh.decoding.Work;

/** The kind of a frame; its number is the frame's fourth byte. A number is never given to another kind. */
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

  /** The kind of frame that {@code message} travels in. */
  public static Kind of(Message message) {
    return switch (message) {
      case Message.OpenVerifier m -> OPEN_VERIFIER;
      case Message.Work(Work.Extend work) -> EXTEND;
      case Message.Work(DraftWindow work) -> DRAFT_WINDOW;
      case Message.CloseVerifier m -> CLOSE_VERIFIER;
      case Message.KeepAlive m -> KEEP_ALIVE;
      case Message.VerifierOpened m -> VERIFIER_OPENED;
      case Message.VerifierRefused m -> VERIFIER_REFUSED;
      case Message.Reply(VerifyReply.Extended reply) -> EXTENDED;
      case Message.Reply(VerifyReply.Verdict reply) -> VERDICT;
      case Message.Reply(VerifyReply.Diverged reply) -> DIVERGED;
      case Message.Reply(VerifyReply.Behind reply) -> BEHIND;
      case Message.Reply(VerifyReply.StaleEpoch reply) -> STALE_EPOCH;
      case Message.Reply(VerifyReply.Overloaded reply) -> OVERLOADED;
      case Message.NoSession m -> NO_SESSION;
      case Message.InProgress m -> IN_PROGRESS;
      case Message.VerifierClosed m -> VERIFIER_CLOSED;
      case Message.OpenSession m -> OPEN_SESSION;
      case Message.Credit m -> CREDIT;
      case Message.Cancel m -> CANCEL;
      case Message.FinalAck m -> FINAL_ACK;
      case Message.SessionOpened m -> SESSION_OPENED;
      case Message.SessionRefused m -> SESSION_REFUSED;
      case Message.Tokens m -> TOKENS;
      case Message.Prefilled m -> PREFILLED;
      case Message.Finished m -> FINISHED;
      case Message.Failed m -> FAILED;
    };
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
