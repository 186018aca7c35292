package dev.layermesh.decoding.loop;

/**
 * Counters of one run of the loop. Windows that were dropped without a verdict count in {@code earlyRows} alone.
 *
 * @param rounds windows judged
 * @param draftTokens draft tokens in them
 * @param acceptedTokens draft tokens that were accepted
 * @param earlyRows rows the drafter ran through its layers
 * @param lateRows rows the verifier ran through its layers
 */
public record DecodeStats(int rounds, long draftTokens, long acceptedTokens, long earlyRows, long lateRows) {

  public static final DecodeStats NONE = new DecodeStats(0, 0, 0, 0, 0);

  /** accepted ÷ drafted; 0 when nothing was drafted. */
  public double acceptanceRate() {
    return draftTokens == 0 ? 0 : (double) acceptedTokens / draftTokens;
  }

  /** 1 + accepted ÷ rounds: tokens a round yields, the verifier's own included; 0 before the first round. */
  public double meanAcceptanceLength() {
    return rounds == 0 ? 0 : 1 + (double) acceptedTokens / rounds;
  }

  /** The sum of both runs, for a session that continued in another epoch. */
  public DecodeStats plus(DecodeStats other) {
    return new DecodeStats(
        rounds + other.rounds,
        draftTokens + other.draftTokens,
        acceptedTokens + other.acceptedTokens,
        earlyRows + other.earlyRows,
        lateRows + other.lateRows);
  }
}
