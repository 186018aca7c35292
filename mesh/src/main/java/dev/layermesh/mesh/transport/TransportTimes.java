package dev.layermesh.mesh.transport;

import java.time.Duration;

/**
 * Timeouts, retry pauses and leases of the transport. Tests shorten some.
 *
 * @param tick how often deadlines are checked
 * @param retryFrom first wait for an answer before a frame is sent again; each further wait is twice as long
 * @param retryTo longest such wait
 * @param openSilence a drafter tries another verifier when one does not answer an open for this long; short, so that
 *     several can be tried within {@code verifierDeadline}
 * @param silence a peer that owes an answer and sends nothing for this long counts as lost
 * @param verifierDeadline a session fails when no verifier makes progress for this long
 * @param verifierLease a verifier frees a session when its drafter sends nothing for this long
 * @param keepAlive how often a drafter without work sends a keep-alive to its verifier
 * @param heartbeat how often a gateway repeats its credit
 * @param sessionLease a draft worker ends a session when its gateway sends nothing for this long
 */
public record TransportTimes(
    Duration tick,
    Duration retryFrom,
    Duration retryTo,
    Duration openSilence,
    Duration silence,
    Duration verifierDeadline,
    Duration verifierLease,
    Duration keepAlive,
    Duration heartbeat,
    Duration sessionLease) {

  /** For a mesh in one data centre. */
  public static final TransportTimes DEFAULTS = new TransportTimes(
      Duration.ofMillis(50),
      Duration.ofMillis(200),
      Duration.ofSeconds(2),
      Duration.ofSeconds(2),
      Duration.ofSeconds(5),
      Duration.ofSeconds(10),
      Duration.ofSeconds(30),
      Duration.ofSeconds(5),
      Duration.ofSeconds(1),
      Duration.ofSeconds(10));

  public TransportTimes {
    if (!tick.isPositive() || retryFrom.compareTo(retryTo) > 0 || keepAlive.compareTo(verifierLease) >= 0
        || heartbeat.compareTo(sessionLease) >= 0) {
      throw new IllegalArgumentException("tick " + tick + " must be positive, retries " + retryFrom + " to " + retryTo
          + " in order, keep-alive " + keepAlive + " below " + verifierLease + ", heartbeat " + heartbeat + " below "
          + sessionLease);
    }
  }

  /** The pause that follows {@code pause}: twice as long, at most {@link #retryTo}. */
  Duration after(Duration pause) {
    Duration twice = pause.multipliedBy(2);
    return twice.compareTo(retryTo) < 0 ? twice : retryTo;
  }
}
