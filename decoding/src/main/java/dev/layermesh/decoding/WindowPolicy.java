package dev.layermesh.decoding;

/**
 * How far a drafter runs ahead. Changes speed, never tokens.
 *
 * @param draftTokens K, draft tokens with rows in a window; 0 without tail is autoregressive decoding
 * @param windows windows in flight at most; a window can follow another only if that one has a tail
 * @param tail whether a window ends in one more guess, for the position after its last row
 */
public record WindowPolicy(int draftTokens, int windows, boolean tail) {

  /** Draft tokens in a window at most: bounds the rows of one message. */
  public static final int MAX_DRAFT_TOKENS = 64;

  /** Windows in flight at most. */
  public static final int MAX_WINDOWS = 8;

  /** Autoregressive decoding: one token a round, no draft token. */
  public static final WindowPolicy AUTOREGRESSIVE = sequential(0);

  private static final int USUAL_DRAFT_TOKENS = 4;

  public WindowPolicy {
    if (draftTokens < 0 || draftTokens > MAX_DRAFT_TOKENS) {
      throw InputException.of("window", draftTokens, "must be between 0 and " + MAX_DRAFT_TOKENS);
    }
    if (windows < 1 || windows > MAX_WINDOWS) {
      throw InputException.of("windows", windows, "must be between 1 and " + MAX_WINDOWS);
    }
  }

  /** LayerSkip's own schedule: draft K tokens, wait for the verdict, and so on. */
  public static WindowPolicy sequential(int draftTokens) {
    return new WindowPolicy(draftTokens, 1, false);
  }

  /**
   * The window of a session for which neither request nor option names one: 4 draft tokens where the exit layer is
   * named, else none. A checkpoint that names no exit layer was not trained to exit early, so a verifier accepts few of
   * its drafts and drafting makes it slower (SmolLM2-135M-Instruct with E = ⌈L/4⌉: 2 % accepted, a third of the speed).
   *
   * @param exitLayerNamed whether the checkpoint or the user names the exit layer
   */
  public static WindowPolicy usual(boolean exitLayerNamed) {
    return sequential(exitLayerNamed ? USUAL_DRAFT_TOKENS : 0);
  }
}
