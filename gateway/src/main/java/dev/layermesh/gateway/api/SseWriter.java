package dev.layermesh.gateway.api;

import dev.layermesh.gateway.turn.ApiError;
import dev.layermesh.gateway.turn.TurnRequest;
import dev.layermesh.gateway.turn.TurnResult;
import dev.layermesh.gateway.turn.TurnWriter;
import dev.layermesh.tokenizer.text.AnswerPiece;
import io.vertx.core.Future;
import io.vertx.core.http.HttpHeaders;
import io.vertx.core.http.HttpServerResponse;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.util.Optional;

/**
 * Writes a completion as server-sent events: chunks, a finish reason, usage on request, {@code data: [DONE]}. A stream
 * that fails ends with {@code event: error} instead, so that no client takes its text for a whole answer.
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
      first.put("prompt_token_ids", Json.ids(header.plan().prompt()));
    }
    data(first);
  }

  @Override
  public void piece(AnswerPiece piece) {
    JsonArray choices = CompletionFormat.choice(format.piece(piece.text()), Optional.empty());
    if (output().tokenIds()) {
      choices.getJsonObject(0).put("token_ids", Json.ids(piece.ids()));
    }
    JsonObject chunk = chunk(choices);
    piece.judged().ifPresent(judged -> chunk.put("speculation", Json.judged(judged)));
    data(chunk);
  }

  @Override
  public Future<Void> end(TurnResult result) {
    JsonObject last = chunk(CompletionFormat.choice(format.closing(), Optional.of(result)));
    if (output().includeUsage()) {
      data(last);
      last = chunk(new JsonArray()).put("usage", Json.completionUsage(result));
    }
    data(last.put("seed", result.seed()).put("speculation", Json.speculation(result)));
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
