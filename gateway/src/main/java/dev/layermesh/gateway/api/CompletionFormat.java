package dev.layermesh.gateway.api;

import dev.layermesh.gateway.turn.TurnResult;
import dev.layermesh.gateway.turn.TurnWriter.Header;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.util.Optional;

/** The names that differ between the two completions APIs, and the field of a choice that holds the text. */
enum CompletionFormat {
  CHAT("chatcmpl-", "chat.completion", "chat.completion.chunk") {
    @Override
    JsonObject opening() {
      return new JsonObject().put("delta", new JsonObject().put("role", "assistant").put("content", ""));
    }

    @Override
    JsonObject piece(String text) {
      return new JsonObject().put("delta", new JsonObject().put("content", text));
    }

    @Override
    JsonObject closing() {
      return new JsonObject().put("delta", new JsonObject());
    }

    @Override
    JsonObject whole(String text) {
      return new JsonObject().put(
          "message", new JsonObject().put("role", "assistant").put("content", text).put("refusal", null));
    }
  },
  COMPLETION("cmpl-", "text_completion", "text_completion") {
    @Override
    JsonObject opening() {
      return piece("");
    }

    @Override
    JsonObject piece(String text) {
      return new JsonObject().put("text", text);
    }

    @Override
    JsonObject closing() {
      return piece("");
    }

    @Override
    JsonObject whole(String text) {
      return piece(text);
    }
  };

  private final String idPrefix;
  private final String object;
  private final String chunkObject;

  CompletionFormat(String idPrefix, String object, String chunkObject) {
    this.idPrefix = idPrefix;
    this.object = object;
    this.chunkObject = chunkObject;
  }

  /** The first choice of a stream: a role, no text. */
  abstract JsonObject opening();

  /** A choice with some text. */
  abstract JsonObject piece(String text);

  /** The choice that carries the finish reason of a stream. */
  abstract JsonObject closing();

  /** The choice of a whole answer. */
  abstract JsonObject whole(String text);

  /** A whole answer or a chunk with these choices. */
  JsonObject around(Header header, boolean chunk, JsonArray choices) {
    return new JsonObject()
        .put("id", idPrefix + header.id())
        .put("object", chunk ? chunkObject : object)
        .put("created", header.created().getEpochSecond())
        .put("model", header.plan().model().id())
        .put("choices", choices);
  }

  /** The only choice of an answer; its fields have the order in which clients print them. */
  static JsonArray choice(JsonObject content, Optional<TurnResult> result) {
    var choice = new JsonObject().put("index", 0);
    content.forEach(entry -> choice.put(entry.getKey(), entry.getValue()));
    return JsonArray.of(choice
        .put("logprobs", null)
        .put("finish_reason", result.map(each -> each.finish().word()).orElse(null)));
  }
}
