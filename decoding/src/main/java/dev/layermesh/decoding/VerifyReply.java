package dev.layermesh.decoding;

import java.time.Duration;
import java.util.OptionalInt;

/** What a verifier answers, one reply for each seq, in order. Expected outcomes are values, not exceptions. */
public sealed interface VerifyReply {

  /** The work answered. */
  int seq();

  /**
   * Rows were cached.
   *
   * @param cached positions the verifier now holds
   * @param rows rows run through the verifier's layers for this work
   */
  record Extended(int seq, int cached, int rows) implements VerifyReply {}

  /**
   * A window was judged.
   *
   * @param accepted how many draft tokens are accepted
   * @param next the verifier's own token after them: the bonus or the correction; absent when the tail was accepted
   * @param rows rows run through the verifier's layers for this work
   */
  record Verdict(int seq, int accepted, OptionalInt next, int rows) implements VerifyReply {}

  /** The window was built on a prefix that has been rejected since; nothing was run. */
  record Diverged(int seq, int cached) implements VerifyReply {}

  /** The verifier lacks rows before this work's first: it holds {@code cached} positions; nothing was run. */
  record Behind(int seq, int cached) implements VerifyReply {}

  /** A later incarnation of the session is running; this one must not commit any more. */
  record StaleEpoch(int seq) implements VerifyReply {}

  /** No room now; the same work may be sent again after a while. */
  record Overloaded(int seq, Duration retryAfter) implements VerifyReply {}
}
