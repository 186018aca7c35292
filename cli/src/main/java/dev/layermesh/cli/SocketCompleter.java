package dev.layermesh.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.layermesh.decoding.InputException;
import dev.layermesh.decoding.TokenIds;
import java.net.URI;
import java.net.http.WebSocket;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.LinkedBlockingQueue;

/** Completions of a running gateway, over one WebSocket at {@code /v1/responses}, a response after the other. */
final class SocketCompleter implements Completer {
  private static final JsonMapper JSON = JsonMapper.builder().build();

  private final URI gateway;
  private final RemoteCompleter http;
  private final WebSocket socket;
  private final Frames frames;

  private SocketCompleter(URI gateway, RemoteCompleter http, WebSocket socket, Frames frames) {
    this.gateway = gateway;
    this.http = http;
    this.socket = socket;
    this.frames = frames;
  }

  /**
   * Opens the socket.
   *
   * @param gateway such as {@code ws://127.0.0.1:8080}
   * @throws IllegalStateException when nothing answers there, or it serves no model now
   */
  static SocketCompleter connect(URI gateway) throws InterruptedException {
    RemoteCompleter http = RemoteCompleter.connect(URI.create("http" + gateway.toString().substring("ws".length())));
    var frames = new Frames();
    try {
      WebSocket socket = http.client().newWebSocketBuilder()
          .buildAsync(URI.create(gateway + "/v1/responses"), frames).join();
      return new SocketCompleter(gateway, http, socket, frames);
    } catch (CompletionException refused) {
      http.close();
      throw new IllegalStateException(gateway + ": no WebSocket there: " + refused.getCause(), refused);
    }
  }

  @Override
  public int contextLength() {
    return http.contextLength();
  }

  @Override
  public boolean hasChatTemplate() {
    return http.hasChatTemplate();
  }

  @Override
  public Completion complete(CompletionRequest request, CompletionListener listener) throws InterruptedException {
    socket.sendText(body(request).toString(), true).join();
    var text = new StringBuilder();
    while (true) {
      JsonNode event = next();
      switch (event.path("type").asText()) {
        case "response.output_text.delta" -> {
          text.append(event.path("delta").asText());
          listener.committed(GatewayJson.piece(event.path("delta").asText(), event.path("speculation")));
        }
        case "response.completed", "response.incomplete" -> {
          return completion(request, text.toString(), event.path("response"));
        }
        case "response.failed" -> throw new IllegalStateException(
            gateway + ": " + GatewayJson.message(event.path("response").path("error")));
        case "error" -> throw refused(event.path("status").asInt(), event.path("error"));
        default -> { } // events that frame the text
      }
    }
  }

  private static ObjectNode body(CompletionRequest request) {
    ObjectNode body = JsonNodeFactory.instance.objectNode().put("type", "response.create");
    switch (request.prompt()) {
      case Prompt.Ids ids -> GatewayJson.put(body.putArray("prompt_ids"), ids.ids());
      case Prompt.Chat chat -> GatewayJson.put(body.putArray("input"), chat.messages());
      case Prompt.Text text -> throw InputException.in("--prompt",
          "is sent over ws:// only as a message: use chat, --prompt-ids, or --connect http://");
    }
    body.put("max_output_tokens", request.maxTokens());
    GatewayJson.put(body, request);
    return body;
  }

  private static Completion completion(CompletionRequest request, String text, JsonNode response) {
    String finishReason = switch (response.path("incomplete_details").path("reason").asText("")) {
      case "" -> "stop";
      case "max_output_tokens" -> "length";
      default -> "cancelled";
    };
    TokenIds promptIds = GatewayJson.ids(response.path("prompt_token_ids"));
    TokenIds ids = GatewayJson.ids(response.path("token_ids"));
    return GatewayJson.completion(request, promptIds, ids, text, finishReason, response.path("speculation"));
  }

  private RuntimeException refused(int status, JsonNode error) {
    String message = gateway + ": " + GatewayJson.message(error);
    if (error.path("code").asText().equals("context_length_exceeded")) {
      return new ContextFullException(message);
    }
    return status == 400
        ? InputException.in(gateway, GatewayJson.message(error))
        : new IllegalStateException(message);
  }

  private JsonNode next() throws InterruptedException {
    return switch (frames.received.take()) {
      case Frame.Text text -> {
        socket.request(1);
        try {
          yield JSON.readTree(text.json());
        } catch (JsonProcessingException e) {
          throw new IllegalStateException(gateway + " sent what is no JSON: " + e.getOriginalMessage(), e);
        }
      }
      case Frame.End end -> throw new IllegalStateException(gateway + " ended the answer early: " + end.why());
    };
  }

  @Override
  public void close() {
    socket.abort(); // the gateway cancels what still runs
    http.close();
  }

  private sealed interface Frame {
    record Text(String json) implements Frame {}

    record End(String why) implements Frame {}
  }

  /** Whole messages, handed from the client's thread to ours; the next is asked for when one is taken. */
  private static final class Frames implements WebSocket.Listener {
    private final BlockingQueue<Frame> received = new LinkedBlockingQueue<>();
    private final StringBuilder partial = new StringBuilder();

    @Override
    public CompletionStage<?> onText(WebSocket socket, CharSequence data, boolean last) {
      partial.append(data);
      if (last) {
        received.add(new Frame.Text(partial.toString()));
        partial.setLength(0);
      } else {
        socket.request(1);
      }
      return null; // done with the data
    }

    @Override
    public CompletionStage<?> onClose(WebSocket socket, int status, String reason) {
      received.add(new Frame.End("closed with " + status + " " + reason));
      return null; // close at once
    }

    @Override
    public void onError(WebSocket socket, Throwable failure) {
      received.add(new Frame.End(String.valueOf(failure.getMessage())));
    }
  }
}
