package dev.layermesh.testkit;

import dev.layermesh.decoding.SamplingParams;
import dev.layermesh.decoding.SessionKey;
import dev.layermesh.decoding.loop.VerifierHost;
import java.util.concurrent.atomic.AtomicInteger;

/** Opens audited verifier sessions of the toy model, and counts them. Thread-safe. */
public final class ToyVerifierHost implements VerifierHost {
  private final ToyModel model;
  private final AtomicInteger opened = new AtomicInteger();
  private final AtomicInteger open = new AtomicInteger();

  public ToyVerifierHost(ToyModel model) {
    this.model = model;
  }

  @Override
  public ToyVerifierSession open(SessionKey key, SamplingParams sampling) {
    opened.incrementAndGet();
    open.incrementAndGet();
    return new ToyVerifierSession(key, model, sampling, true, open::decrementAndGet);
  }

  /** Sessions opened so far. */
  public int opened() {
    return opened.get();
  }

  /** Sessions not closed yet. */
  public int open() {
    return open.get();
  }
}
