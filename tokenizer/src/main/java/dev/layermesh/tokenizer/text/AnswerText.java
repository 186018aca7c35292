package dev.layermesh.tokenizer.text;

import dev.layermesh.decoding.TokenIds;
import dev.layermesh.decoding.TokenList;
import dev.layermesh.decoding.loop.Round;
import dev.layermesh.tokenizer.text.AnswerPiece.Judged;
import dev.layermesh.tokenizer.text.ModelText.TextStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Turns the rounds of one session into pieces of text, up to the first stop string. End-of-sequence tokens count and
 * have no text. Owned by one thread.
 */
public final class AnswerText {
  private final ModelText model;
  private final TextStream stream;
  private final TokenIds eosIds;
  private final boolean judged;
  private final StringBuilder text = new StringBuilder();
  private final TokenList ids = new TokenList();

  /**
   * The text of a fresh session.
   *
   * @param eosIds the tokens that end the session
   * @param stops strings that end the text and are not part of it
   * @param judged whether pieces carry {@link Judged}
   */
  public AnswerText(ModelText model, TokenIds eosIds, List<String> stops, boolean judged) {
    this.model = model;
    this.eosIds = eosIds;
    this.judged = judged;
    stream = model.stream(stops);
  }

  /** The piece a round adds. Tokens after the one that completed a stop string are not part of it. */
  public AnswerPiece take(Round round) {
    var pieces = new ArrayList<String>();
    for (int i = 0; i < round.committed().length() && !stream.stopped(); i++) {
      int id = round.committed().id(i);
      pieces.add(eosIds.contains(id) ? "" : stream.append(id));
      ids.append(id);
    }
    String piece = String.join("", pieces);
    text.append(piece);
    TokenIds taken = round.committed().slice(0, pieces.size());
    return new AnswerPiece(piece, taken, judged ? Optional.of(judged(round, pieces)) : Optional.empty());
  }

  /** The text that was held back, at the end of the session. */
  public AnswerPiece finish() {
    String rest = stream.stopped() ? "" : stream.finish();
    text.append(rest);
    return new AnswerPiece(rest, TokenIds.empty(), Optional.empty());
  }

  /** Whether a stop string was completed. */
  public boolean stopped() {
    return stream.stopped();
  }

  /** All text so far. */
  public String text() {
    return text.toString();
  }

  /** The tokens of all pieces so far. */
  public TokenIds ids() {
    return ids.slice(0, ids.length());
  }

  /** How many tokens {@link #ids} has. */
  public int length() {
    return ids.length();
  }

  private Judged judged(Round round, List<String> pieces) {
    var rejected = new ArrayList<String>();
    for (int i = round.accepted(); i < round.drafted().length(); i++) {
      rejected.add(model.decode(round.drafted().slice(i, i + 1)));
    }
    return new Judged(round, List.copyOf(pieces), List.copyOf(rejected));
  }
}
