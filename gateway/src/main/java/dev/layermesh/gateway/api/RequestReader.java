package dev.layermesh.gateway.api;

import dev.layermesh.decoding.AcceptanceRule;
import dev.layermesh.decoding.TokenIds;
import dev.layermesh.decoding.WindowPolicy;
import dev.layermesh.gateway.turn.ApiError;
import dev.layermesh.gateway.turn.ApiException;
import dev.layermesh.gateway.turn.TurnRequest;
import dev.layermesh.gateway.turn.TurnRequest.Output;
import dev.layermesh.gateway.turn.TurnRequest.Sampling;
import dev.layermesh.tokenizer.ChatMessage;
import dev.layermesh.tokenizer.GenerationDefaults;
import dev.layermesh.tokenizer.text.Prompt;
import io.vertx.core.json.JsonArray;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.LongSupplier;

/**
 * Reads requests and checks every field. Ignores fields it does not know, so that clients of other servers work; throws
 * {@link ApiException} for a wrong value of a field it knows.
 */
final class RequestReader {
  private static final int MAX_STOPS = 16;
  private static final int MAX_STOP_LENGTH = 256;
  /** The token limit of a completion that names none, as in OpenAI's API. */
  private static final int COMPLETION_TOKENS = 16;
  /** Bound of drawn seeds: a JSON parser that has only doubles keeps them exact, so a client can send one again. */
  private static final long SEEDS = 1L << 53;

  private final LongSupplier seeds;

  /** A reader that draws a random seed for each request that names none. */
  RequestReader() {
    this(() -> ThreadLocalRandom.current().nextLong(SEEDS));
  }

  /**
   * A reader.
   *
   * @param seeds a seed for each request that names none
   */
  RequestReader(LongSupplier seeds) {
    this.seeds = seeds;
  }

  /** {@code POST /v1/chat/completions}. */
  TurnRequest chat(Fields body) {
    requireOneAnswer(body);
    OptionalInt limit = first(tokenLimit(body, "max_completion_tokens"), tokenLimit(body, "max_tokens"));
    Optional<Prompt> ids = promptIds(body);
    if (ids.isPresent()) {
      return request(body, ids.get(), "prompt_ids", limit, stops(body));
    }
    JsonArray messages = body.array("messages")
        .orElseThrow(() -> Fields.wrong("messages", "is required: a list of {role, content}"));
    return request(body, new Prompt.Chat(messages(messages, "messages")), "messages", limit, stops(body));
  }

  /** {@code POST /v1/completions}. */
  TurnRequest completion(Fields body) {
    requireOneAnswer(body);
    if (body.flag("echo")) {
      throw Fields.wrong("echo", "is not supported");
    }
    OptionalInt limit = tokenLimit(body, "max_tokens");
    Object prompt = body.any("prompt").or(() -> body.any("prompt_ids"))
        .orElseThrow(() -> Fields.wrong("prompt", "is required: a string or a list of token ids"));
    return request(
        body, completionPrompt(prompt), "prompt", OptionalInt.of(limit.orElse(COMPLETION_TOKENS)), stops(body));
  }

  /** {@code response.create}. */
  TurnRequest response(Fields body) {
    if (body.text("previous_response_id").isPresent()) {
      throw new ApiException(new ApiError(
          400, "invalid_request_error", "previous_response_not_found", Optional.of("previous_response_id"),
          "previous_response_id: responses are not stored; send the conversation as input", OptionalInt.empty()));
    }
    if (body.flag("background")) {
      throw Fields.wrong("background", "is not supported over WebSocket");
    }
    body.object("metadata");
    OptionalInt limit = tokenLimit(body, "max_output_tokens");
    Optional<Prompt> ids = promptIds(body);
    if (ids.isPresent()) {
      return request(body, ids.get(), "prompt_ids", limit, stops(body));
    }
    var messages = new ArrayList<ChatMessage>();
    body.text("instructions").ifPresent(text -> messages.add(new ChatMessage("system", text)));
    Object input = body.any("input")
        .orElseThrow(() -> Fields.wrong("input", "is required: a string or a list of messages"));
    switch (input) {
      case String text -> messages.add(new ChatMessage("user", Fields.text(text, "input")));
      case JsonArray list -> messages.addAll(messages(list, "input"));
      default -> throw Fields.wrong("input", "must be a string or a list of messages, got " + Fields.kind(input));
    }
    return request(body, new Prompt.Chat(messages), "input", limit, stops(body));
  }

  private TurnRequest request(
      Fields body, Prompt prompt, String promptField, OptionalInt limit, List<String> stops) {
    boolean stream = body.flag("stream");
    boolean usage = body.object("stream_options").map(options -> options.flag("include_usage")).orElse(false);
    OptionalInt window = body.integer("window", 0, WindowPolicy.MAX_DRAFT_TOKENS);
    return new TurnRequest(
        body.text("model"), prompt, promptField, limit, sampling(body), stops, body.flag("ignore_eos"), window,
        new Output(stream, usage, body.flag("return_token_ids"), body.flag("speculation")));
  }

  private Sampling sampling(Fields body) {
    OptionalInt topK = body.integer("top_k", -1, Integer.MAX_VALUE); // -1 keeps all tokens, as in vLLM
    var named = new GenerationDefaults(
        body.number("temperature", 0, 100, false),
        topK.isPresent() ? OptionalInt.of(Math.max(0, topK.getAsInt())) : topK,
        body.number("top_p", 0, 1, true));
    long seed = body.integer64("seed").orElseGet(seeds);
    AcceptanceRule rule = body.text("acceptance").map(name -> switch (name) {
      case "shared-noise" -> AcceptanceRule.SHARED_NOISE;
      case "classic" -> AcceptanceRule.SPECULATIVE_SAMPLING;
      default -> throw Fields.wrong("acceptance", "must be shared-noise or classic");
    }).orElse(AcceptanceRule.SHARED_NOISE);
    return new Sampling(named, seed, rule);
  }

  private static void requireOneAnswer(Fields body) {
    for (String field : List.of("n", "best_of")) {
      OptionalInt count = body.integer(field, 1, Integer.MAX_VALUE);
      if (count.orElse(1) > 1) {
        throw Fields.wrong(field, "must be 1, got " + count.getAsInt());
      }
    }
  }

  private static OptionalInt tokenLimit(Fields body, String field) {
    return body.integer(field, 1, Integer.MAX_VALUE);
  }

  private static OptionalInt first(OptionalInt one, OptionalInt other) {
    return one.isPresent() ? one : other;
  }

  private static List<String> stops(Fields body) {
    Optional<Object> stop = body.any("stop");
    if (stop.isEmpty()) {
      return List.of();
    }
    JsonArray list = stop.get() instanceof JsonArray array ? array : JsonArray.of(stop.get());
    if (list.size() > MAX_STOPS) {
      throw Fields.wrong("stop", "at most " + MAX_STOPS + " strings, got " + list.size());
    }
    var stops = new ArrayList<String>();
    for (int i = 0; i < list.size(); i++) {
      String text = Fields.text(list.getValue(i), list == stop.get() ? "stop[" + i + "]" : "stop");
      if (text.isEmpty() || text.length() > MAX_STOP_LENGTH) {
        throw Fields.wrong("stop", "must have 1 to " + MAX_STOP_LENGTH + " characters");
      }
      stops.add(text);
    }
    return List.copyOf(stops);
  }

  private static Optional<Prompt> promptIds(Fields body) {
    return body.array("prompt_ids").map(ids -> new Prompt.Ids(ids(ids, "prompt_ids")));
  }

  private static Prompt completionPrompt(Object prompt) {
    return switch (prompt) {
      case String text -> new Prompt.Text(Fields.text(text, "prompt"));
      case JsonArray list when list.size() == 1 && !(list.getValue(0) instanceof Number) ->
          completionPrompt(list.getValue(0));
      case JsonArray list when list.size() > 1 && !(list.getValue(0) instanceof Number) ->
          throw Fields.wrong("prompt", "must be one prompt, got " + list.size());
      case JsonArray list -> new Prompt.Ids(ids(list, "prompt"));
      default ->
          throw Fields.wrong("prompt", "must be a string or a list of token ids, got " + Fields.kind(prompt));
    };
  }

  private static TokenIds ids(JsonArray list, String field) {
    if (list.isEmpty()) {
      throw Fields.wrong(field, "must hold at least one token id");
    }
    int[] ids = new int[list.size()];
    for (int i = 0; i < ids.length; i++) {
      Object value = list.getValue(i);
      String path = field + "[" + i + "]";
      ids[i] = Fields.whole(value).filter(id -> id >= 0 && id <= Integer.MAX_VALUE).map(Long::intValue).orElseThrow(
          () -> Fields.wrong(path, "a token id is an integer of 0 or more, got " + Fields.kind(value)));
    }
    return TokenIds.of(ids);
  }

  private static List<ChatMessage> messages(JsonArray list, String field) {
    if (list.isEmpty()) {
      throw Fields.wrong(field, "must hold at least one message");
    }
    var messages = new ArrayList<ChatMessage>();
    for (int i = 0; i < list.size(); i++) {
      messages.add(message(list.getValue(i), field + "[" + i + "]"));
    }
    return messages;
  }

  private static ChatMessage message(Object value, String path) {
    Fields message = Fields.of(value, path);
    String type = message.text("type").orElse("message");
    if (!type.equals("message")) {
      throw Fields.wrong(path + ".type", "must be message, got " + type);
    }
    String role = message.text("role").orElseThrow(() -> Fields.wrong(path + ".role", "is required"));
    if (role.isBlank()) {
      throw Fields.wrong(path + ".role", "must not be empty");
    }
    Optional<Object> content = message.any("content");
    if (content.isEmpty() && !role.equals("assistant")) {
      throw Fields.wrong(path + ".content", "is required");
    }
    var fields = new LinkedHashMap<>(message.all());
    content.ifPresent(each -> fields.put("content", content(each, path + ".content")));
    return new ChatMessage(fields);
  }

  /** A string, or a list of text parts: the names that the Responses API has for them become {@code text}. */
  private static Object content(Object value, String path) {
    if (!(value instanceof JsonArray parts)) {
      return Fields.text(value, path);
    }
    var texts = new ArrayList<Map<String, Object>>();
    for (int i = 0; i < parts.size(); i++) {
      Fields part = Fields.of(parts.getValue(i), path + "[" + i + "]");
      String type = part.text("type").orElse("text");
      switch (type) {
        case "text", "input_text", "output_text" -> texts.add(Map.of("type", "text", "text", part.text("text")
            .orElseThrow(() -> Fields.wrong(part.name("text"), "is required"))));
        default -> throw Fields.wrong(part.name("type"), "must be text, got " + type);
      }
    }
    return texts;
  }
}
