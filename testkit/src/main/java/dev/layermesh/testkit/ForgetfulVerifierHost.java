package dev.layermesh.testkit;

import dev.layermesh.decoding.SamplingParams;
import dev.layermesh.decoding.SessionKey;
import dev.layermesh.decoding.VerifyReply;
import dev.layermesh.decoding.Work;
import dev.layermesh.decoding.loop.VerifierHost;
import dev.layermesh.decoding.loop.VerifierSession;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * A verifier that loses sessions' state at random: before a work, with a given probability, it replaces a session by
 * a new one of the wrapped host. Streams must not change, and no token may be drafted again. Thread-safe.
 */
public final class ForgetfulVerifierHost implements VerifierHost {
  private final VerifierHost host;
  private final double probability;
  private final long seed;
  private final AtomicInteger forgotten = new AtomicInteger();

  /**
   * A host that forgets.
   *
   * @param probability of losing a session's state before a work, below 1
   * @param seed of the choice, which also depends on the session's key
   */
  public ForgetfulVerifierHost(VerifierHost host, double probability, long seed) {
    this.host = host;
    this.probability = probability;
    this.seed = seed;
  }

  /** How often state was lost. */
  public int timesForgotten() {
    return forgotten.get();
  }

  @Override
  public VerifierSession open(SessionKey key, SamplingParams sampling) {
    var random = new Random(seed ^ key.session());
    return new VerifierSession() {
      private VerifierSession session = host.open(key, sampling);

      @Override
      public synchronized int cached() {
        return session.cached();
      }

      @Override
      public synchronized VerifyReply answer(Work work) throws InterruptedException {
        if (random.nextDouble() < probability) {
          forgotten.incrementAndGet();
          session.close();
          session = host.open(key, sampling);
        }
        return session.answer(work);
      }

      @Override
      public synchronized void close() {
        session.close();
      }
    };
  }
}
