package dev.layermesh.decoding;

import java.util.List;

/**
 * One round's proposal: rows of the pending token and of K draft tokens, and K or K + 1 draft tokens.
 *
 * <p>The extra token, the <em>tail</em>, is the drafter's guess for the position after the last row; with it the
 * drafter continues without waiting for the verdict. Without it the last row yields a bonus token. One row and no
 * token is autoregressive decoding.
 *
 * @param seq see {@link Work}
 * @param base committed length the window assumes: its first row is position {@code base - 1}
 * @param parentHash {@link PrefixHash} of the {@code base - 1} ids before its first row
 * @param handoff the K + 1 rows
 * @param tokens draft tokens for positions {@code base ..}
 */
public record DraftWindow(int seq, int base, long parentHash, Handoff handoff, List<DraftToken> tokens)
    implements Work {
  public DraftWindow {
    tokens = List.copyOf(tokens);
    int rows = handoff.count();
    if (rows < 1 || rows > WindowPolicy.MAX_DRAFT_TOKENS + 1 || handoff.from() != base - 1) {
      throw new IllegalArgumentException(rows + " rows from " + handoff.from() + " for a window at base " + base);
    }
    if (tokens.size() != rows - 1 && tokens.size() != rows) {
      throw new IllegalArgumentException(tokens.size() + " draft tokens for " + rows + " rows");
    }
    for (int i = 1; i < rows; i++) {
      if (handoff.ids().id(i) != tokens.get(i - 1).id()) {
        throw new IllegalArgumentException(
            "row " + i + " holds token " + handoff.ids().id(i) + ", the draft says " + tokens.get(i - 1).id());
      }
    }
  }

  /** Whether the window ends in a guess that no row was computed for. */
  public boolean hasTail() {
    return tokens.size() == handoff.count();
  }

  /** The draft tokens' ids. */
  public TokenIds draftIds() {
    return TokenIds.of(tokens.stream().mapToInt(DraftToken::id).toArray());
  }

  @Override
  public DraftWindow withSeq(int other) {
    return new DraftWindow(other, base, parentHash, handoff, tokens);
  }
}
