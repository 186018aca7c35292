package dev.layermesh.gateway.api;

import dev.layermesh.gateway.turn.Answer;
import dev.layermesh.gateway.turn.ApiError;
import dev.layermesh.gateway.turn.Delta;
import dev.layermesh.gateway.turn.Ending;
import dev.layermesh.gateway.turn.TurnRequest;
import io.vertx.core.Future;
import io.vertx.core.http.HttpHeaders;
import io.vertx.core.http.HttpServerResponse;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.util.Optional;

/**
 * A completion as server-sent events: chunks, a finish reason, usage on request, {@code data: [DONE]}. A stream that
 * has begun and fails always ends with {@code event: error}, the one ending that no client takes for a short answer.
 */
final class SseAnswer implements Answer {
  private final HttpServerResponse response;
  private final Shape shape;
  private Optional<Head> head = Optional.empty();

  SseAnswer(HttpServerResponse response, Shape shape) {
    this.response = response;
    this.shape = shape;
  }

  @Override
  public void begin(Head head) {
    this.head = Optional.of(head);
    response.setChunked(true)
        .putHeader(HttpHeaders.CONTENT_TYPE, "text/event-stream; charset=utf-8")
        .putHeader(HttpHeaders.CACHE_CONTROL, "no-cache")
        .putHeader("x-accel-buffering", "no");
    JsonObject first = chunk(Shape.choice(shape.opening(), Optional.empty()));
    if (output().tokenIds()) {
      first.put("prompt_token_ids", Delta.json(head.plan().prompt()));
    }
    data(first);
  }

  @Override
  public void delta(Delta delta) {
    JsonArray choices = Shape.choice(shape.piece(delta.text()), Optional.empty());
    if (output().tokenIds()) {
      choices.getJsonObject(0).put("token_ids", Delta.json(delta.ids()));
    }
    JsonObject chunk = chunk(choices);
    delta.detail().ifPresent(detail -> chunk.put("speculation", detail.toJson()));
    data(chunk);
  }

  @Override
  public Future<Void> end(Ending ending) {
    JsonObject last = chunk(Shape.choice(shape.closing(), Optional.of(ending)));
    if (output().includeUsage()) {
      data(last);
      last = chunk(new JsonArray()).put("usage", ending.completionUsage());
    }
    data(last.put("seed", ending.seed()).put("speculation", ending.speculation()));
    return response.end("data: [DONE]\n\n");
  }

  @Override
  public Future<Void> fail(ApiError error, Sent sent) {
    return head.isEmpty()
        ? Replies.error(response, error)
        : response.end("event: error\ndata: " + error.envelope().encode() + "\n\n");
  }

  @Override
  public boolean writable() {
    return !response.writeQueueFull();
  }

  private JsonObject chunk(JsonArray choices) {
    JsonObject chunk = shape.around(about(), true, choices);
    return output().includeUsage() ? chunk.put("usage", null) : chunk;
  }

  private void data(JsonObject chunk) {
    response.write("data: " + chunk.encode() + "\n\n");
  }

  private TurnRequest.Output output() {
    return about().plan().request().output();
  }

  private Head about() {
    return head.orElseThrow(() -> new IllegalStateException("a stream without a beginning"));
  }
}
