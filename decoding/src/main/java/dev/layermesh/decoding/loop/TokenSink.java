package dev.layermesh.decoding.loop;

/**
 * Where a session's tokens go. One thread at a time calls it: the thread of the session's loop, which a blocking sink
 * slows down, or the bus thread of a gateway, where a sink must not block (see {@link
 * SessionHost.Session#acknowledge}).
 */
@FunctionalInterface
public interface TokenSink {

  /** Tokens were committed. */
  void round(Round round) throws InterruptedException;

  /** The verifier caches {@code done} of {@code total} known tokens: the session was accepted and reads its prompt. */
  default void prefilled(int done, int total) {}
}
