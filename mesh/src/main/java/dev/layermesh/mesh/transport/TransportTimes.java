package dev.layermesh.mesh.transport;

import java.time.Duration;

/**
 * How long to wait for what. Tests shorten some.
 *
 * @param tick how often deadlines are looked at
 * @param retryFrom first wait for an answer before a frame is sent again; each further wait is twice as long
 * @param retryTo longest such wait
 * @param openSilence a verifier that does not answer an open for this long is passed over: short, so that several can
 *     be tried within {@code verifierDeadline}
 * @param silence a peer that owes an answer and shows no sign of life for this long is given up
 * @param verifierDeadline how long a session may go without a verifier that gets on with it
 * @param verifierLease a verifier frees a session of which it has heard nothing for this long
 * @param keepAlive how often a drafter without work lets its verifier know that it lives
 * @param heartbeat how often a gateway repeats its credit
 * @param sessionLease a drafter ends a session of whose gateway it has heard nothing for this long
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

  /** The wait before the repeat after one that was waited {@code pause} for. */
  Duration after(Duration pause) {
    Duration twice = pause.multipliedBy(2);
    return twice.compareTo(retryTo) < 0 ? twice : retryTo;
  }
}
