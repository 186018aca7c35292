package dev.layermesh.system;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.layermesh.decoding.TokenIds;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.WebSocket;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/** Responses over a WebSocket. A message is read from the socket only when a test asks for it. */
final class ResponseSocket implements AutoCloseable {
  private static final int PATIENCE_SECONDS = 60;

  private final BlockingQueue<String> messages;
  private final WebSocket socket;
  private int sequence;

  private ResponseSocket(BlockingQueue<String> messages, WebSocket socket) {
    this.messages = messages;
    this.socket = socket;
  }

  static ResponseSocket connect(HttpClient http, URI address) {
    var messages = new LinkedBlockingQueue<String>();
    WebSocket socket = http.newWebSocketBuilder().buildAsync(address, new WholeMessages(messages))
        .orTimeout(PATIENCE_SECONDS, TimeUnit.SECONDS).join();
    return new ResponseSocket(messages, socket);
  }

  /** Joins the parts of a message; requests the rest of a message, never the next one. */
  private static final class WholeMessages implements WebSocket.Listener {
    private final BlockingQueue<String> messages;
    private final StringBuilder parts = new StringBuilder();

    private WholeMessages(BlockingQueue<String> messages) {
      this.messages = messages;
    }

    @Override
    public void onOpen(WebSocket socket) {}

    @Override
    public CompletionStage<?> onText(WebSocket socket, CharSequence part, boolean last) {
      parts.append(part);
      if (last) {
        messages.add(parts.toString());
        parts.setLength(0);
      } else {
        socket.request(1);
      }
      return null;
    }

    @Override
    public CompletionStage<?> onClose(WebSocket socket, int status, String reason) {
      messages.add("{\"type\":\"closed\",\"status\":" + status + "}");
      return null;
    }

    @Override
    public void onError(WebSocket socket, Throwable failure) {
      messages.add("{\"type\":\"broken\"}");
    }
  }

  /** Asks for a response. */
  void create(ObjectNode request) {
    sequence = 0;
    send(request.deepCopy().put("type", "response.create"));
  }

  /** Asks for the end of the response that runs. */
  void cancel() {
    send(GatewayClient.JSON.createObjectNode().put("type", "response.cancel"));
  }

  private void send(ObjectNode message) {
    socket.sendText(message.toString(), true).orTimeout(PATIENCE_SECONDS, TimeUnit.SECONDS).join();
  }

  /** Reads one event. */
  JsonNode next() {
    socket.request(1);
    try {
      String message = messages.poll(PATIENCE_SECONDS, TimeUnit.SECONDS);
      assertThat(message).as("an event within %d s", PATIENCE_SECONDS).isNotNull();
      JsonNode event = GatewayClient.JSON.readTree(message);
      assertThat(event.path("sequence_number").asInt(-1)).as(message).isEqualTo(sequence++);
      return event;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new AssertionError("interrupted while waiting for an event", e);
    }
  }

  /** Reads until an event of a type has come. */
  JsonNode awaitEvent(String type) {
    for (JsonNode event = next();; event = next()) {
      if (event.path("type").asText().equals(type)) {
        return event;
      }
    }
  }

  /** Reads to the end of the response; its deltas must add up to what the end says. */
  GatewayClient.Answer answer() {
    var text = new StringBuilder();
    TokenIds ids = TokenIds.empty();
    while (true) {
      JsonNode event = next();
      switch (event.required("type").asText()) {
        case "response.output_text.delta" -> {
          text.append(event.required("delta").textValue());
          ids = ids.concat(GatewayClient.ids(event.required("token_ids")));
        }
        case "response.completed", "response.incomplete" -> {
          JsonNode response = event.required("response");
          assertThat(GatewayClient.ids(response.required("token_ids"))).isEqualTo(ids);
          assertThat(response.required("output").required(0).required("content").required(0).required("text").asText())
              .isEqualTo(text.toString());
          return new GatewayClient.Answer(
              GatewayClient.ids(response.required("prompt_token_ids")), ids, text.toString(), finish(response),
              response.required("usage"), response.required("speculation"));
        }
        case "response.failed", "error" -> throw new AssertionError(event.toString());
        default -> assertThat(event.path("type").asText()).startsWith("response.");
      }
    }
  }

  /** The finish reason in the words of the completions API. */
  private static String finish(JsonNode response) {
    return switch (response.path("incomplete_details").path("reason").asText("")) {
      case "" -> "stop";
      case "max_output_tokens" -> "length";
      case String other -> other;
    };
  }

  /** Closes the connection without a close frame. */
  @Override
  public void close() {
    socket.abort();
  }
}
