package dev.layermesh.decoding.loop;

import dev.layermesh.decoding.SamplingParams;
import dev.layermesh.decoding.SessionKey;
import dev.layermesh.decoding.VerifierLostException;
import dev.layermesh.decoding.VerifyReply;
import dev.layermesh.decoding.Work;

/**
 * How a session's loop reaches a verifier: the transport seam. One instance serves one session and is called by one
 * thread. Implementations retry, reorder and drop duplicates; the loop sees exactly one reply for each work, in
 * order.
 */
public interface Verifier extends AutoCloseable {

  /**
   * Opens the session.
   *
   * @return positions the verifier holds already
   * @throws VerifierLostException when no verifier answers
   */
  int open(SessionKey key, SamplingParams sampling) throws InterruptedException;

  /** Rows one work may carry at most; windows are always below it. */
  int maxRows();

  /** Hands work over without waiting for its reply. */
  void send(Work work) throws InterruptedException;

  /**
   * Waits for the next reply, in order of {@code seq}.
   *
   * @throws VerifierLostException when the verifier is gone and no other answers
   */
  VerifyReply receive() throws InterruptedException;

  /** Ends the session at the verifier; idempotent, any thread. */
  @Override
  void close();
}
