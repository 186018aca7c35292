package dev.layermesh.decoding;

/**
 * Noise as a pure function of (seed, purpose, absolute position, token id), never of call order: any node that knows
 * the seed draws the same value, and a resumed stream continues with the noise it would have had.
 *
 * <p>The generator is Philox2x64-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011), keyed by
 * the seed. Thread-safe.
 *
 * @param seed any value
 */
public record PositionRandom(long seed) {

  /** What a value is drawn for; values for different purposes are independent. */
  public enum Purpose {
    /** The target's own choice; under {@link AcceptanceRule.SharedNoise} the drafter's too. */
    TARGET,
    /** The drafter's choice under {@link AcceptanceRule.SpeculativeSampling}. */
    DRAFT,
    /** The accept test of {@link AcceptanceRule.SpeculativeSampling}. */
    ACCEPT
  }

  private static final long MULTIPLIER = 0xD2B7_4407_B1CE_6E93L;
  private static final long WEYL = 0x9E37_79B9_7F4A_7C15L;
  private static final int ROUNDS = 10;

  /** A uniform value in (0, 1), 52 bits, never 0 or 1. */
  public double uniform(Purpose purpose, int position, int id) {
    long bits = philox(((long) position << 32) | (id & 0xFFFF_FFFFL), purpose.ordinal(), seed);
    return ((bits >>> 12) + 0.5) * 0x1p-52;
  }

  /** First output word of Philox2x64-10 for a 128-bit counter and a 64-bit key. */
  static long philox(long low, long high, long key) {
    long x = low;
    long y = high;
    long k = key;
    for (int round = 0; round < ROUNDS; round++) {
      long product = x * MULTIPLIER;
      x = Math.unsignedMultiplyHigh(x, MULTIPLIER) ^ k ^ y;
      y = product;
      k += WEYL;
    }
    return x;
  }
}
