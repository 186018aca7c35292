package dev.layermesh.cli.complete;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.layermesh.decoding.InputException;
import dev.layermesh.decoding.WindowPolicy;
import dev.layermesh.tokenizer.GenerationDefaults;
import dev.layermesh.tokenizer.text.Prompt;
import java.net.URI;
import java.net.http.WebSocket;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/** Completions of a running gateway, over one WebSocket at {@code /v1/responses}, a response after the other. */
public final class SocketCompleter implements Completer {
  private static final JsonMapper JSON = JsonMapper.builder().build();
  private static final Duration CANCEL_LIMIT = Duration.ofSeconds(5); // for a cancelled response to tell its counters

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
  public static SocketCompleter connect(URI gateway) throws InterruptedException {
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
  public ModelStamp stamp() {
    return http.stamp();
  }

  @Override
  public WindowPolicy usualWindow() {
    return http.usualWindow();
  }

  @Override
  public GenerationDefaults generationDefaults() {
    return http.generationDefaults();
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
  public Completion complete(CompletionRequest request, CompletionListener listener) {
    var answer = new GatewayAnswer(request, listener, contextLength());
    send(body(request));
    try {
      Optional<Completion> ended = Optional.empty();
      while (ended.isEmpty()) {
        ended = take(event(frames.received.take()), answer);
      }
      return ended.get();
    } catch (InterruptedException cancelled) {
      return cancel(answer);
    }
  }

  /** Handles an event; returns the completion when the event is the last. */
  private Optional<Completion> take(JsonNode event, GatewayAnswer answer) {
    JsonNode response = event.path("response");
    switch (event.path("type").asText()) {
      case "response.created" -> begin(response, answer);
      case "response.output_text.delta" ->
          answer.committed(event.path("token_ids"), event.path("delta").asText(), event.path("speculation"));
      case "response.completed", "response.incomplete" -> {
        return Optional.of(answer.ended(finishReason(response), response.path("speculation")));
      }
      case "response.failed" ->
          throw new UnansweredException(gateway + ": " + GatewayJson.message(response.path("error")));
      case "error" -> refuse(event.path("status").asInt(), event.path("error"));
      default -> {} // events that frame the text
    }
    return Optional.empty();
  }

  private void begin(JsonNode response, GatewayAnswer answer) {
    try {
      answer.begun(response.path("prompt_token_ids"));
    } catch (ContextFullException full) {
      cancel(answer.unheard()); // the socket is free for another request
      throw full;
    }
  }

  /** Cancels the running response and returns the tokens so far, with counters if the gateway still sends them. */
  private Completion cancel(GatewayAnswer answer) {
    long deadline = System.nanoTime() + CANCEL_LIMIT.toNanos();
    try {
      send(JsonNodeFactory.instance.objectNode().put("type", "response.cancel"));
      Optional<Completion> ended = Optional.empty();
      while (ended.isEmpty()) {
        Frame frame = frames.received.poll(deadline - System.nanoTime(), TimeUnit.NANOSECONDS);
        if (frame == null) {
          return answer.cancelled();
        }
        ended = take(event(frame), answer);
      }
      return ended.get();
    } catch (InterruptedException | IllegalStateException | UnansweredException gone) {
      return answer.cancelled();
    }
  }

  private void send(ObjectNode message) {
    try {
      socket.sendText(message.toString(), true).join();
    } catch (CompletionException failed) {
      throw new IllegalStateException(gateway + ": connection lost: " + failed.getCause().getMessage(), failed);
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

  private static String finishReason(JsonNode response) {
    return switch (response.path("incomplete_details").path("reason").asText("")) {
      case "" -> "stop";
      case "max_output_tokens" -> "length";
      default -> "cancelled";
    };
  }

  private void refuse(int status, JsonNode error) {
    String message = gateway + ": " + GatewayJson.message(error);
    switch (error.path("code").asText()) {
      case "response_not_found" -> {} // the cancelled response had just ended
      case "context_length_exceeded" -> throw new ContextFullException(message);
      default -> {
        if (RemoteCompleter.isPassing(status)) {
          throw new UnansweredException(message);
        }
        throw status == 400
            ? InputException.in(gateway, GatewayJson.message(error))
            : new IllegalStateException(message);
      }
    }
  }

  private JsonNode event(Frame frame) {
    return switch (frame) {
      case Frame.Text text -> {
        socket.request(1);
        try {
          yield JSON.readTree(text.json());
        } catch (JsonProcessingException e) {
          throw new IllegalStateException(gateway + " sent something other than JSON: " + e.getOriginalMessage(), e);
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
