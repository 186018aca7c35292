package dev.layermesh.decoding;

/**
 * What a drafter sends to a verifier. {@code seq} counts up per session and epoch and is never reused; it is the
 * idempotency key: a retry resends the same message, and the verifier answers every seq exactly once, in order.
 */
public sealed interface Work permits Work.Extend, DraftWindow {

  /** Number of this message within its epoch, from 0. */
  int seq();

  /** {@link PrefixHash} of all ids before the first row. */
  long parentHash();

  /** The rows. */
  Handoff handoff();

  /** Rows of known tokens for the verifier's cache; it judges nothing. Prefill, resume and recovery all use it. */
  record Extend(int seq, long parentHash, Handoff handoff) implements Work {
    public Extend {
      if (handoff.count() == 0) {
        throw new IllegalArgumentException("an Extend without rows at position " + handoff.from());
      }
    }

    @Override
    public Extend withSeq(int other) {
      return new Extend(other, parentHash, handoff);
    }
  }

  /** The same work under another number, for a verifier that lost its state. */
  Work withSeq(int seq);
}
