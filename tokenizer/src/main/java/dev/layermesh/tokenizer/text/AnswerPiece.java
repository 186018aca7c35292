package dev.layermesh.tokenizer.text;

import dev.layermesh.decoding.TokenIds;
import dev.layermesh.decoding.loop.Round;
import java.util.List;
import java.util.Optional;

/**
 * A piece of an answer.
 *
 * @param text what may be shown now; may be empty while a character or a possible stop string is held back
 * @param ids the tokens it was made of, each in exactly one piece
 * @param judged the round it came from, for callers that show drafts
 */
public record AnswerPiece(String text, TokenIds ids, Optional<Judged> judged) {

  /**
   * The text of a round, token by token.
   *
   * @param round the round
   * @param pieces the text each token of the piece released: accepted draft tokens, then the verifier's own token
   * @param rejected the text of each rejected draft token
   */
  public record Judged(Round round, List<String> pieces, List<String> rejected) {

    /** How many of {@code pieces} were drafted. */
    public int accepted() {
      return Math.min(round.accepted(), pieces.size());
    }
  }
}
