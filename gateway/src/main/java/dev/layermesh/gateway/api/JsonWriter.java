package dev.layermesh.gateway.api;

import dev.layermesh.gateway.turn.ApiError;
import dev.layermesh.gateway.turn.TurnResult;
import dev.layermesh.gateway.turn.TurnWriter;
import dev.layermesh.tokenizer.text.AnswerPiece;
import io.vertx.core.Future;
import io.vertx.core.http.HttpServerResponse;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.util.Optional;

/** Writes a completion as one JSON object. */
final class JsonWriter implements TurnWriter {
  private final HttpServerResponse response;
  private final CompletionFormat format;
  private Optional<Header> header = Optional.empty();

  JsonWriter(HttpServerResponse response, CompletionFormat format) {
    this.response = response;
    this.format = format;
  }

  @Override
  public void begin(Header header) {
    this.header = Optional.of(header);
  }

  @Override
  public void piece(AnswerPiece piece) {}

  @Override
  public Future<Void> end(TurnResult result) {
    Header about = header.orElseThrow(() -> new IllegalStateException("an end without a beginning"));
    JsonArray choices = CompletionFormat.choice(format.whole(result.text()), Optional.of(result));
    JsonObject body = format.around(about, false, choices)
        .put("usage", Json.completionUsage(result))
        .put("seed", result.seed())
        .put("speculation", Json.speculation(result));
    if (about.plan().request().output().tokenIds()) {
      choices.getJsonObject(0).put("token_ids", Json.ids(result.ids()));
      body.put("prompt_token_ids", Json.ids(about.plan().prompt()));
    }
    return Replies.json(response, 200, body);
  }

  @Override
  public Future<Void> fail(ApiError error, Sent sent) {
    return Replies.error(response, error);
  }

  @Override
  public boolean writable() {
    return true;
  }
}
