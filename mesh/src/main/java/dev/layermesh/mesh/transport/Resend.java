package dev.layermesh.mesh.transport;

import java.time.Duration;

/**
 * Says when one end of a session sends again what the other end has not answered: first after
 * {@link TransportTimes#retryFrom}, then after twice the last pause each time, at most after
 * {@link TransportTimes#retryTo}. Not thread-safe: its owner guards it.
 */
final class Resend {
  private final TransportNode node;
  private long sentNanos;
  private Duration pause = Duration.ZERO;
  private int repeats;

  /** Something is sent now for the first time. */
  Resend(TransportNode node) {
    this.node = node;
    restart();
  }

  /** Something new is sent now, or an answer has arrived: the next repeat is due after the first pause. */
  void restart() {
    sentNanos = node.now();
    pause = node.times().retryFrom();
    repeats = 0;
  }

  /** Whether to send again now. If so, the next pause is twice as long. */
  boolean due() {
    if (!quietFor(pause)) {
      return false;
    }
    sentNanos = node.now();
    pause = node.times().after(pause);
    repeats++;
    return true;
  }

  /** How often the same was sent again. */
  int repeats() {
    return repeats;
  }

  /** Whether nothing was sent and no answer came for {@code duration}. */
  boolean quietFor(Duration duration) {
    return node.past(sentNanos, duration);
  }
}
