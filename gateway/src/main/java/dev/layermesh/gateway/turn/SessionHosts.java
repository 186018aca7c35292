package dev.layermesh.gateway.turn;

import dev.layermesh.decoding.loop.SessionHost;
import java.util.Optional;

/** Finds hosts for the sessions of turns. Thread-safe, never blocks. */
@FunctionalInterface
public interface SessionHosts {

  /**
   * Finds a host for a new session.
   *
   * @param fingerprint the model that encoded the session's prompt
   * @param traceparent W3C trace context of the turn, for the spans of the workers
   */
  Choice choose(String fingerprint, Optional<String> traceparent);

  /** A host, or none. */
  sealed interface Choice {

    /**
     * A host. The sink of its sessions must not block; {@code acknowledge} bounds how far they run ahead. An outcome
     * fails with {@link dev.layermesh.mesh.transport.SessionLostException}.
     */
    record Found(SessionHost host) implements Choice {}

    /**
     * No host now.
     *
     * @param status HTTP status of the refusal
     * @param code for programs
     * @param reason for people
     * @param retryAfterSeconds when a retry may succeed
     */
    record None(int status, String code, String reason, int retryAfterSeconds) implements Choice {}
  }
}
