package dev.layermesh.decoding.loop;

import dev.layermesh.decoding.VerifyReply;
import dev.layermesh.decoding.Work;

/**
 * The verifier's half of one session: its cache and its judgement. It answers one work at a time, on the
 * caller's thread, which may block until a device has run the rows.
 */
public interface VerifierSession extends AutoCloseable {

  /** Positions it caches. */
  int cached();

  /** Runs and judges {@code work}. Works arrive in order of seq, each once. */
  VerifyReply answer(Work work) throws InterruptedException;

  /** Frees caches; idempotent, any thread. */
  @Override
  void close();
}
