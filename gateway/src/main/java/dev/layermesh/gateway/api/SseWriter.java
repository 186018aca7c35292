package dev.layermesh.gateway.api;

import dev.layermesh.gateway.turn.ApiError;
import dev.layermesh.gateway.turn.Delta;
import dev.layermesh.gateway.turn.TurnRequest;
import dev.layermesh.gateway.turn.TurnResult;
import dev.layermesh.gateway.turn.TurnWriter;
import io.vertx.core.Future;
import io.vertx.core.http.HttpHeaders;
import io.vertx.core.http.HttpServerResponse;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.util.Optional;

/**
 * A completion as server-sent events: chunks, a finish reason, usage on request, {@code data: [DONE]}. A stream that
 * has begun and fails always ends with {@code event: error}, so that no client takes what it got for the whole answer.
 */
final class SseWriter implements TurnWriter {
  private final HttpServerResponse response;
  private final CompletionFormat format;
  private Optional<Header> header = Optional.empty();

  SseWriter(HttpServerResponse response, CompletionFormat format) {
    this.response = response;
    this.format = format;
  }

  @Override
  public void begin(Header header) {
    this.header = Optional.of(header);
    response.setChunked(true)
        .putHeader(HttpHeaders.CONTENT_TYPE, "text/event-stream; charset=utf-8")
        .putHeader(HttpHeaders.CACHE_CONTROL, "no-cache")
        .putHeader("x-accel-buffering", "no");
    JsonObject first = chunk(CompletionFormat.choice(format.opening(), Optional.empty()));
    if (output().tokenIds()) {
      first.put("prompt_token_ids", Delta.json(header.plan().prompt()));
    }
    data(first);
  }

  @Override
  public void delta(Delta delta) {
    JsonArray choices = CompletionFormat.choice(format.piece(delta.text()), Optional.empty());
    if (output().tokenIds()) {
      choices.getJsonObject(0).put("token_ids", Delta.json(delta.ids()));
    }
    JsonObject chunk = chunk(choices);
    delta.detail().ifPresent(detail -> chunk.put("speculation", detail.toJson()));
    data(chunk);
  }

  @Override
  public Future<Void> end(TurnResult result) {
    JsonObject last = chunk(CompletionFormat.choice(format.closing(), Optional.of(result)));
    if (output().includeUsage()) {
      data(last);
      last = chunk(new JsonArray()).put("usage", result.completionUsage());
    }
    data(last.put("seed", result.seed()).put("speculation", result.speculation()));
    return response.end("data: [DONE]\n\n");
  }

  @Override
  public Future<Void> fail(ApiError error, Sent sent) {
    return header.isEmpty()
        ? Replies.error(response, error)
        : response.end("event: error\ndata: " + error.envelope().encode() + "\n\n");
  }

  @Override
  public boolean writable() {
    return !response.writeQueueFull();
  }

  private JsonObject chunk(JsonArray choices) {
    JsonObject chunk = format.around(about(), true, choices);
    return output().includeUsage() ? chunk.put("usage", null) : chunk;
  }

  private void data(JsonObject chunk) {
    response.write("data: " + chunk.encode() + "\n\n");
  }

  private TurnRequest.Output output() {
    return about().plan().request().output();
  }

  private Header about() {
    return header.orElseThrow(() -> new IllegalStateException("a stream without a beginning"));
  }
}
