package dev.layermesh.gateway.api;

import dev.layermesh.gateway.turn.Answer;
import dev.layermesh.gateway.turn.ApiError;
import dev.layermesh.gateway.turn.Delta;
import dev.layermesh.gateway.turn.Ending;
import io.vertx.core.Future;
import io.vertx.core.http.HttpServerResponse;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.util.Optional;

/** A completion in one piece. */
final class JsonAnswer implements Answer {
  private final HttpServerResponse response;
  private final Shape shape;
  private Optional<Head> head = Optional.empty();

  JsonAnswer(HttpServerResponse response, Shape shape) {
    this.response = response;
    this.shape = shape;
  }

  @Override
  public void begin(Head head) {
    this.head = Optional.of(head);
  }

  @Override
  public void delta(Delta delta) {}

  @Override
  public Future<Void> end(Ending ending) {
    Head about = head.orElseThrow(() -> new IllegalStateException("an end without a beginning"));
    JsonArray choices = Shape.choice(shape.whole(ending.text()), Optional.of(ending));
    JsonObject body = shape.around(about, false, choices)
        .put("usage", ending.completionUsage())
        .put("seed", ending.seed())
        .put("speculation", ending.speculation());
    if (about.plan().request().output().tokenIds()) {
      choices.getJsonObject(0).put("token_ids", Delta.json(ending.ids()));
      body.put("prompt_token_ids", Delta.json(about.plan().prompt()));
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
