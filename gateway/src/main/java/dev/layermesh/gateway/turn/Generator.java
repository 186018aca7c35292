package dev.layermesh.gateway.turn;

import dev.layermesh.decoding.SamplingParams;
import dev.layermesh.decoding.StopRule;
import dev.layermesh.decoding.TokenIds;
import dev.layermesh.decoding.WindowPolicy;
import dev.layermesh.decoding.loop.Outcome;
import dev.layermesh.decoding.loop.Round;
import dev.layermesh.mesh.wire.FailureCode;
import java.util.Optional;

/** Runs generations somewhere. Thread-safe, never blocks. */
public interface Generator {

  /** Starts a generation or says why not. The listener may be called before this returns. */
  Admission start(Request request, Listener listener);

  /**
   * What decides the tokens of one generation, besides the model.
   *
   * @param fingerprint the model that encoded the prompt
   * @param traceparent W3C trace context of the turn, for the workers' spans
   */
  record Request(
      String fingerprint,
      TokenIds prompt,
      StopRule stops,
      SamplingParams sampling,
      WindowPolicy window,
      Optional<String> traceparent) {}

  /** Whether a generation runs. */
  sealed interface Admission {

    /** It runs. */
    record Started(Generation generation) implements Admission {}

    /**
     * Nothing was started.
     *
     * @param status 429 for too many generations, 503 for a missing worker
     * @param code for programs
     * @param reason for people
     * @param retryAfterSeconds when it may be worth trying again
     */
    record Refused(int status, String code, String reason, int retryAfterSeconds) implements Admission {}
  }

  /** A running generation. Any thread, idempotent. */
  interface Generation {

    /** Ends it within a round; the listener still hears the outcome. */
    void cancel();

    /** The client's socket took this many tokens, counted from the end of the prompt. Never waits. */
    void acknowledge(int tokens);
  }

  /**
   * Hears a generation: rounds without gaps, then exactly one of {@code finished} and {@code failed}. Must not block.
   */
  interface Listener {

    /** A worker took it and reads the prompt; may be said any number of times, or not at all. */
    default void admitted() {}

    void round(Round round);

    void finished(Outcome outcome);

    /** It ended early and cannot go on. {@code reason} is for people. */
    void failed(FailureCode code, String reason);
  }
}
