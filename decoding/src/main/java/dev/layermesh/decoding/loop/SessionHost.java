package dev.layermesh.decoding.loop;

import dev.layermesh.decoding.SessionSpec;
import dev.layermesh.decoding.StopReason;
import java.util.concurrent.CompletionStage;

/** Runs sessions: here, or on a draft worker across the bus. Thread-safe. */
public interface SessionHost {

  /** A running session. */
  interface Session {

    /** Completes when the session has ended and its caches are free; exceptionally if it failed. */
    CompletionStage<Outcome> outcome();

    /** Asks it to end with {@link StopReason#CANCELLED} within one round; idempotent, any thread. */
    void cancel();
  }

  /** Starts a session. */
  Session open(SessionSpec spec, TokenSink sink);
}
