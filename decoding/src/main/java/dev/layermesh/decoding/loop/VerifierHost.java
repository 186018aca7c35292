package dev.layermesh.decoding.loop;

import dev.layermesh.decoding.SamplingParams;
import dev.layermesh.decoding.SessionKey;

/** Opens verifier sessions on a device; thread-safe. */
public interface VerifierHost {

  /** A session with an empty cache. */
  VerifierSession open(SessionKey key, SamplingParams sampling);
}
