package dev.layermesh.decoding.loop;

import dev.layermesh.decoding.SessionSpec;
import dev.layermesh.decoding.StopReason;
import java.util.concurrent.CompletionStage;

/**
 * Runs sessions: in this process, on a draft worker of the mesh, or on one draft worker after another. Thread-safe.
 */
public interface SessionHost {

  /** A running session. Any thread; nothing here blocks. */
  interface Session {

    /**
     * Completes when the session has ended and its caches are free, after the last round; exceptionally if the session
     * failed.
     */
    CompletionStage<Outcome> outcome();

    /** Asks it to end with {@link StopReason#CANCELLED} within one round; idempotent. */
    void cancel();

    /**
     * The client has taken {@code tokens} tokens after the prompt, those of earlier epochs included; cumulative. A host
     * whose sink cannot block bounds how far a session runs ahead of this number. A host whose sink may block is
     * slowed down by the sink and ignores it.
     */
    default void acknowledge(int tokens) {}
  }

  /**
   * Starts a session. Does not wait for its first token.
   *
   * @param spec all that decides its tokens; its key must be new
   * @param sink gets every round once, in order, from the first token after {@code spec.committed()} on; may be called
   *     before this method returns
   * @throws RuntimeException if the session cannot be started; nothing runs then
   */
  Session open(SessionSpec spec, TokenSink sink);
}
