package dev.layermesh.gateway.api;

import dev.layermesh.decoding.TokenIds;
import dev.layermesh.decoding.loop.Round;
import dev.layermesh.gateway.turn.TurnResult;
import dev.layermesh.tokenizer.text.AnswerPiece.Judged;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;

/** The objects that the answers of several protocols share. */
final class Json {
  private Json() {}

  /** Token ids as an array. */
  static JsonArray ids(TokenIds ids) {
    var array = new JsonArray();
    for (int id : ids.toArray()) {
      array.add(id);
    }
    return array;
  }

  /** {@code {drafted, accepted, verdict, pieces, rejected}}; the piece after the accepted ones is the verifier's. */
  static JsonObject judged(Judged judged) {
    Round round = judged.round();
    int drafted = round.drafted().length();
    String verdict = drafted == 0 ? "plain" : round.accepted() == drafted ? "bonus" : "correction";
    return new JsonObject()
        .put("drafted", ids(round.drafted()))
        .put("accepted", judged.accepted())
        .put("verdict", verdict)
        .put("pieces", new JsonArray(judged.pieces()))
        .put("rejected", new JsonArray(judged.rejected()));
  }

  /** The seed and the counters of a turn. */
  static JsonObject speculation(TurnResult result) {
    var json = new JsonObject().put("seed", result.seed());
    result.counters().toMap().forEach(json::put);
    return json;
  }

  /** Usage in the words of the completions APIs. */
  static JsonObject completionUsage(TurnResult result) {
    return new JsonObject()
        .put("prompt_tokens", result.promptTokens())
        .put("completion_tokens", result.ids().length())
        .put("total_tokens", result.promptTokens() + result.ids().length());
  }

  /** Usage in the words of the Responses API. */
  static JsonObject responseUsage(int input, int output) {
    return new JsonObject()
        .put("input_tokens", input)
        .put("input_tokens_details", new JsonObject().put("cached_tokens", 0))
        .put("output_tokens", output)
        .put("output_tokens_details", new JsonObject().put("reasoning_tokens", 0))
        .put("total_tokens", input + output);
  }
}
