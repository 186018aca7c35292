package dev.layermesh.decoding;

/** Why a session ended. */
public enum StopReason {
  /** An end-of-sequence token was committed; it is the last token of the log. */
  EOS,
  /** The token limit or the end of the context was reached. */
  LENGTH,
  /** The caller cancelled. */
  CANCELLED,
  /** A later epoch of the session commits now. */
  SUPERSEDED
}
