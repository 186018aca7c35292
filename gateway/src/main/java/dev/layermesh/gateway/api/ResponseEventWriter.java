package dev.layermesh.gateway.api;

import dev.layermesh.gateway.turn.ApiError;
import dev.layermesh.gateway.turn.TurnRequest;
import dev.layermesh.gateway.turn.TurnResult;
import dev.layermesh.gateway.turn.TurnWriter;
import dev.layermesh.tokenizer.text.AnswerPiece;
import io.vertx.core.Future;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import java.util.function.Function;

/**
 * Writes a turn as events of the Responses API. Each event has a {@code sequence_number} from 0 on and, in a named
 * lane, its {@code stream_id}.
 */
final class ResponseEventWriter implements TurnWriter {
  private final Optional<String> lane;
  private final Echo echo;
  private final Function<JsonObject, Future<Void>> socket;
  private final BooleanSupplier writable;
  private Optional<Header> header = Optional.empty();
  private int sequence;

  /**
   * The fields that a response copies from its request.
   *
   * @param instructions if it had any
   * @param metadata the client's own notes
   */
  record Echo(Optional<String> instructions, JsonObject metadata) {}

  /**
   * A writer for one lane.
   *
   * @param lane the request's {@code stream_id}
   * @param echo the copied fields
   * @param socket sends one event
   * @param writable whether the socket takes more
   */
  ResponseEventWriter(
      Optional<String> lane, Echo echo, Function<JsonObject, Future<Void>> socket, BooleanSupplier writable) {
    this.lane = lane;
    this.echo = echo;
    this.socket = socket;
    this.writable = writable;
  }

  @Override
  public void begin(Header header) {
    this.header = Optional.of(header);
    JsonObject created = response("in_progress");
    if (header.plan().request().output().tokenIds()) {
      created.put("prompt_token_ids", Json.ids(header.plan().prompt()));
    }
    emit(event("response.created").put("response", created));
    emit(event("response.in_progress").put("response", response("in_progress")));
    emit(event("response.output_item.added").put("output_index", 0).put("item", item("in_progress", new JsonArray())));
    emit(inPart("response.content_part.added").put("part", part("")));
  }

  @Override
  public void piece(AnswerPiece piece) {
    JsonObject event = inPart("response.output_text.delta").put("delta", piece.text()).put("logprobs", new JsonArray());
    if (about().plan().request().output().tokenIds()) {
      event.put("token_ids", Json.ids(piece.ids()));
    }
    piece.judged().ifPresent(judged -> event.put("speculation", Json.judged(judged)));
    emit(event);
  }

  @Override
  public Future<Void> end(TurnResult result) {
    String status = switch (result.finish()) {
      case STOP -> "completed";
      case LENGTH, CANCELLED -> "incomplete";
    };
    JsonObject item = item(status, JsonArray.of(part(result.text())));
    emit(inPart("response.output_text.done").put("text", result.text()).put("logprobs", new JsonArray()));
    emit(inPart("response.content_part.done").put("part", part(result.text())));
    emit(event("response.output_item.done").put("output_index", 0).put("item", item));
    JsonObject response = response(status)
        .put("output", JsonArray.of(item))
        .put("usage", Json.responseUsage(result.promptTokens(), result.ids().length()))
        .put("speculation", Json.speculation(result));
    incomplete(result.finish()).ifPresent(
        reason -> response.put("incomplete_details", new JsonObject().put("reason", reason)));
    if (about().plan().request().output().tokenIds()) {
      response
          .put("token_ids", Json.ids(result.ids()))
          .put("prompt_token_ids", Json.ids(about().plan().prompt()));
    }
    return emit(event("response." + status).put("response", response));
  }

  @Override
  public Future<Void> fail(ApiError error, Sent sent) {
    if (header.isEmpty()) {
      return socket.apply(errorFrame(error, lane));
    }
    JsonObject cause = new JsonObject().put("code", error.code()).put("message", error.message());
    JsonObject response = response("failed").put("error", cause);
    if (sent.tokens() > 0) {
      response
          .put("output", JsonArray.of(item("incomplete", JsonArray.of(part(sent.text())))))
          .put("usage", Json.responseUsage(about().plan().prompt().length(), sent.tokens()));
    }
    return emit(event("response.failed").put("response", response));
  }

  @Override
  public boolean writable() {
    return writable.getAsBoolean();
  }

  /** The frame for an error before a response began. */
  static JsonObject errorFrame(ApiError error, Optional<String> lane) {
    JsonObject frame =
        new JsonObject().put("type", "error").put("status", error.status()).put("error", error.toJson());
    error.retryAfterSeconds().ifPresent(
        seconds -> frame.put("headers", new JsonObject().put("retry-after", Integer.toString(seconds))));
    lane.ifPresent(id -> frame.put("stream_id", id));
    return frame;
  }

  private static Optional<String> incomplete(TurnResult.FinishReason finish) {
    return switch (finish) {
      case STOP -> Optional.empty();
      case LENGTH -> Optional.of("max_output_tokens");
      case CANCELLED -> Optional.of("cancelled");
    };
  }

  private JsonObject event(String type) {
    return new JsonObject().put("type", type);
  }

  private JsonObject inPart(String type) {
    return event(type).put("item_id", itemId()).put("output_index", 0).put("content_index", 0);
  }

  private Future<Void> emit(JsonObject event) {
    event.put("sequence_number", sequence++);
    lane.ifPresent(id -> event.put("stream_id", id));
    return socket.apply(event);
  }

  private JsonObject item(String status, JsonArray content) {
    return new JsonObject()
        .put("id", itemId())
        .put("type", "message")
        .put("status", status)
        .put("role", "assistant")
        .put("content", content);
  }

  private static JsonObject part(String text) {
    return new JsonObject()
        .put("type", "output_text")
        .put("text", text)
        .put("annotations", new JsonArray())
        .put("logprobs", new JsonArray());
  }

  private JsonObject response(String status) {
    Header about = about();
    TurnRequest request = about.plan().request();
    return new JsonObject()
        .put("id", "resp_" + about.id())
        .put("object", "response")
        .put("created_at", about.created().getEpochSecond())
        .put("status", status)
        .put("background", false)
        .put("error", null)
        .put("incomplete_details", null)
        .put("instructions", echo.instructions().orElse(null))
        .put("max_output_tokens", request.maxTokens().isPresent() ? request.maxTokens().getAsInt() : null)
        .put("metadata", echo.metadata())
        .put("model", about.plan().model().id())
        .put("output", new JsonArray())
        .put("parallel_tool_calls", false)
        .put("previous_response_id", null)
        .put("seed", about.plan().sampling().seed())
        .put("store", false)
        .put("temperature", about.plan().sampling().temperature())
        .put("text", new JsonObject().put("format", new JsonObject().put("type", "text")))
        .put("tool_choice", "none")
        .put("tools", new JsonArray())
        .put("top_p", about.plan().sampling().topP())
        .put("truncation", "disabled")
        .put("usage", null);
  }

  private String itemId() {
    return "msg_" + about().id();
  }

  private Header about() {
    return header.orElseThrow(() -> new IllegalStateException("an event without a response"));
  }
}
