package dev.layermesh.decoding;

/** Opens verifier sessions on a device; thread-safe. */
public interface VerifierHost {

  /** A session with an empty cache. */
  VerifierSession open(SessionKey key, SamplingParams sampling);
}
