package dev.layermesh.cli.complete;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import dev.layermesh.decoding.TokenIds;

/** Collects one answer of a gateway, over HTTP or WebSocket. Owned by the thread that asked for it. */
final class GatewayAnswer {
  private final CompletionRequest request;
  private final CompletionListener listener;
  private final int contextLength;
  private final StringBuilder text = new StringBuilder();
  private TokenIds promptIds = TokenIds.empty();
  private TokenIds ids = TokenIds.empty();

  GatewayAnswer(CompletionRequest request, CompletionListener listener, int contextLength) {
    this.request = request;
    this.listener = listener;
    this.contextLength = contextLength;
  }

  /** The same answer without a listener. */
  GatewayAnswer unheard() {
    return new GatewayAnswer(request, CompletionListener.NONE, contextLength);
  }

  /**
   * The gateway has encoded the prompt.
   *
   * @throws ContextFullException when it leaves less room than was asked for
   */
  void begun(JsonNode promptTokenIds) {
    promptIds = GatewayJson.ids(promptTokenIds);
    if (promptIds.length() + request.room() > contextLength) {
      throw new ContextFullException(promptIds.length(), request.room(), contextLength);
    }
  }

  /** Some tokens, their text and the drafts of their round. */
  void committed(JsonNode tokenIds, String piece, JsonNode speculation) {
    ids = ids.concat(GatewayJson.ids(tokenIds));
    if (!piece.isEmpty() || speculation.has("pieces")) {
      text.append(piece);
      listener.committed(GatewayJson.piece(piece, speculation));
    }
  }

  /** The whole answer, with the counters that the gateway sent at its end. */
  Completion ended(String finishReason, JsonNode counters) {
    return new Completion(promptIds, ids, text.toString(), finishReason, request.sampling().seed(),
        GatewayJson.counters(counters));
  }

  /** The tokens received before the answer was cancelled; the gateway did not send its counters, so they are 0. */
  Completion cancelled() {
    return ended("cancelled", JsonNodeFactory.instance.objectNode());
  }
}
