package dev.layermesh.cli.complete;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.layermesh.decoding.TokenIds;
import dev.layermesh.tokenizer.ChatMessage;
import dev.layermesh.tokenizer.text.GenerationCounters;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.StreamSupport;

/** What requests to a gateway and its answers have in common, over HTTP and over WebSocket. */
final class GatewayJson {
  private GatewayJson() {}

  /** Adds all but prompt and token limit. */
  static void put(ObjectNode body, CompletionRequest request) {
    body
        .put("temperature", request.sampling().temperature())
        .put("top_p", request.sampling().topP())
        .put("top_k", request.sampling().topK())
        .put("seed", request.sampling().seed())
        .put("acceptance", Acceptance.of(request.sampling().acceptance()).toString())
        .put("ignore_eos", request.ignoreEos())
        .put("window", request.window().draftTokens())
        .put("stream", true)
        .put("return_token_ids", true)
        .put("speculation", true);
  }

  static void put(ArrayNode list, TokenIds ids) {
    for (int id : ids.toArray()) {
      list.add(id);
    }
  }

  static void put(ArrayNode list, List<ChatMessage> messages) {
    messages.forEach(message -> list.addPOJO(message.fields()));
  }

  static TokenIds ids(JsonNode list) {
    return TokenIds.of(StreamSupport.stream(list.spliterator(), false).mapToInt(JsonNode::asInt).toArray());
  }

  /** A piece of text and, where the gateway says so, what was drafted for it. */
  static CompletionListener.Piece piece(String text, JsonNode speculation) {
    return new CompletionListener.Piece(text, speculation.has("pieces")
        ? Optional.of(new CompletionListener.Judged(
            texts(speculation.path("pieces")),
            speculation.path("accepted").asInt(),
            texts(speculation.path("rejected"))))
        : Optional.empty());
  }

  private static List<String> texts(JsonNode list) {
    var texts = new ArrayList<String>();
    list.forEach(text -> texts.add(text.asText()));
    return texts;
  }

  /** Counters of a generation; those that are absent are 0. */
  static GenerationCounters counters(JsonNode json) {
    return GenerationCounters.read(name -> Optional.ofNullable(json.path(name).numberValue()));
  }

  static String message(JsonNode error) {
    return error.path("message").asText("no reason given");
  }
}
