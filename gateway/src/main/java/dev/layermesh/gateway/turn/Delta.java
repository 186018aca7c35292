package dev.layermesh.gateway.turn;

import dev.layermesh.decoding.TokenIds;
import dev.layermesh.decoding.loop.Round;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.util.List;
import java.util.Optional;

/**
 * A piece of an answer.
 *
 * @param text what may be shown now; may be empty while a character or a possible stop string is held back
 * @param ids the tokens it was made of, each in exactly one piece
 * @param detail the round it came from
 */
public record Delta(String text, TokenIds ids, Optional<Detail> detail) {

  /**
   * What was drafted for a piece.
   *
   * @param round as judged
   * @param pieces the text each committed token released
   * @param rejected the text of the draft tokens that fell
   */
  public record Detail(Round round, List<String> pieces, List<String> rejected) {

    /** {@code {drafted, accepted, verdict, pieces, rejected}}; the piece after the accepted ones is the verifier's. */
    public JsonObject toJson() {
      int drafted = round.drafted().length();
      String verdict = drafted == 0 ? "plain" : round.accepted() == drafted ? "bonus" : "correction";
      return new JsonObject()
          .put("drafted", json(round.drafted()))
          .put("accepted", Math.min(round.accepted(), pieces.size()))
          .put("verdict", verdict)
          .put("pieces", new JsonArray(pieces))
          .put("rejected", new JsonArray(rejected));
    }
  }

  /** The ids as a JSON array. */
  public static JsonArray json(TokenIds ids) {
    var array = new JsonArray();
    for (int id : ids.toArray()) {
      array.add(id);
    }
    return array;
  }
}
