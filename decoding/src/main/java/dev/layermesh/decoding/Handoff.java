package dev.layermesh.decoding;

import java.util.Objects;

/**
 * What a drafter hands to a verifier, so that the verifier need not compute it again. Only this type differs between
 * LayerSkip and other drafting strategies: with exit states the verifier runs the late layers; with tokens it runs all.
 */
public sealed interface Handoff {

  /** Position of the first row. */
  int from();

  /** The tokens of the rows, at positions {@code from .. from + count - 1}. */
  TokenIds ids();

  /** Number of rows. */
  default int count() {
    return ids().length();
  }

  /** Tokens alone, for a verifier that holds every layer. */
  record Tokens(int from, TokenIds ids) implements Handoff {
    public Tokens {
      requirePosition(from);
      Objects.requireNonNull(ids, "ids");
    }
  }

  /**
   * Exit states of LayerSkip (Elhoushi et al., arXiv 2404.16710, the exit-query cache): late layers start from them.
   */
  record ExitStates(int from, TokenIds ids, int exitLayer, HiddenRows rows) implements Handoff {
    public ExitStates {
      requirePosition(from);
      if (rows.count() != ids.length()) {
        throw new IllegalArgumentException(rows.count() + " exit states for " + ids.length() + " tokens");
      }
      if (exitLayer < 1) {
        throw new IllegalArgumentException("exit layer " + exitLayer + ": at least one layer is drafted with");
      }
    }
  }

  private static void requirePosition(int from) {
    if (from < 0) {
      throw new IllegalArgumentException("rows from position " + from);
    }
  }
}
