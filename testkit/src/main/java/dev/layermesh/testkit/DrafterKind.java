package dev.layermesh.testkit;

import java.util.List;

/** How well a drafter behaves. The tokens of a session must not depend on it. */
public enum DrafterKind {
  /** Proposes what the target will say. */
  PERFECT,
  /** Proposes what the target will not say (under the classic rule: what it is least likely to say). */
  ALWAYS_WRONG,
  /** Proposes any token. */
  RANDOM,
  /** Proposes an end of sequence after every second prefix, does not stop at it, and is perfect after the others. */
  EOS_SPAMMING,
  /** Proposes nothing, not even a tail. */
  EMPTY,
  /** Proposes what a smaller model would: right most of the time. */
  PLAUSIBLE;

  /** The drafters every transport, engine and strategy must stay lossless with. */
  public static List<DrafterKind> adversaries() {
    return List.of(PERFECT, ALWAYS_WRONG, RANDOM, EOS_SPAMMING);
  }
}
