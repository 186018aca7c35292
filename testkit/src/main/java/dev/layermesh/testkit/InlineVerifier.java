package dev.layermesh.testkit;

import dev.layermesh.decoding.SamplingParams;
import dev.layermesh.decoding.SessionKey;
import dev.layermesh.decoding.VerifyReply;
import dev.layermesh.decoding.Work;
import dev.layermesh.decoding.loop.Verifier;
import dev.layermesh.decoding.loop.VerifierHost;
import dev.layermesh.decoding.loop.VerifierSession;
import java.util.ArrayDeque;
import java.util.Queue;

/**
 * A verifier without a thread: work is answered when its reply is asked for, so that the loop always drafts as far
 * ahead as it may, and a run is the same every time.
 */
public final class InlineVerifier implements Verifier {
  private final VerifierHost host;
  private final int maxRows;
  private final Queue<Work> sent = new ArrayDeque<>();
  private VerifierSession session;

  /**
   * A verifier for one session.
   *
   * @param maxRows rows of one work at most
   */
  public InlineVerifier(VerifierHost host, int maxRows) {
    this.host = host;
    this.maxRows = maxRows;
  }

  @Override
  public int open(SessionKey key, SamplingParams sampling) {
    session = host.open(key, sampling);
    return session.cached();
  }

  @Override
  public int maxRows() {
    return maxRows;
  }

  @Override
  public void send(Work work) {
    sent.add(work);
  }

  @Override
  public VerifyReply receive() throws InterruptedException {
    if (sent.isEmpty()) {
      throw new IllegalStateException("a reply is awaited while nothing is in flight");
    }
    return session.answer(sent.remove());
  }

  @Override
  public void close() {
    if (session != null) {
      session.close();
    }
  }
}
