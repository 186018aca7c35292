package dev.layermesh.decoding;

/**
 * A 64-bit hash of a token prefix that grows token by token, so that every prefix of a sequence has one.
 *
 * <p>A verifier compares it to find out whether rows were computed on the prefix it holds. A position is not enough,
 * because a rejected and a committed token may have the same one. Mixing is the finalizer of SplitMix64 (Steele, Lea,
 * Flood, OOPSLA 2014).
 */
public final class PrefixHash {

  /** Hash of the empty prefix. */
  public static final long EMPTY = 0x4C61_7965_724D_6573L;

  private PrefixHash() {}

  /** Hash of a prefix with hash {@code prefix} followed by {@code id}. */
  public static long extend(long prefix, int id) {
    long z = (prefix ^ id) + 0x9E37_79B9_7F4A_7C15L;
    z = (z ^ (z >>> 30)) * 0xBF58_476D_1CE4_E5B9L;
    z = (z ^ (z >>> 27)) * 0x94D0_49BB_1331_11EBL;
    return z ^ (z >>> 31);
  }
}
