package dev.layermesh.decoding;

/**
 * One incarnation of a session.
 *
 * @param session random 64-bit id
 * @param epoch which incarnation may commit; grows when a supervisor reopens the session elsewhere
 */
public record SessionKey(long session, int epoch) {
  public SessionKey {
    if (epoch < 0) {
      throw new IllegalArgumentException("epoch " + epoch);
    }
  }

  /** The incarnation that supersedes this one. */
  public SessionKey next() {
    return new SessionKey(session, epoch + 1);
  }

  @Override
  public String toString() {
    return "%016x/%d".formatted(session, epoch);
  }
}
