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
import java.io.IOException;
import java.io.InputStream;
import java.net.ConnectException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.util.Optional;

/** Completions of a running gateway, over HTTP and its completions endpoints with this project's extensions. */
public final class RemoteCompleter implements Completer {
  private static final JsonMapper JSON = JsonMapper.builder().build();
  private static final Duration CONNECT_TIMEOUT = Duration.ofSeconds(10);

  private final HttpClient client;
  private final URI gateway;
  private final GatewayModel model;

  private RemoteCompleter(HttpClient client, URI gateway, GatewayModel model) {
    this.client = client;
    this.gateway = gateway;
    this.model = model;
  }

  /**
   * Asks a gateway for the model that it serves.
   *
   * @param gateway such as {@code http://127.0.0.1:8080}
   * @throws IllegalStateException when nothing answers there, or it serves no model now
   */
  public static RemoteCompleter connect(URI gateway) throws InterruptedException {
    HttpClient client = HttpClient.newBuilder()
        .version(HttpClient.Version.HTTP_1_1)
        .connectTimeout(CONNECT_TIMEOUT)
        .build();
    var asking =
        new RemoteCompleter(client, gateway,
            GatewayModel.of(JsonNodeFactory.instance.objectNode(), gateway.toString()));
    try (InputStream body = asking.answer(HttpRequest.newBuilder(asking.path("/v1/models")).GET())) {
      JsonNode model = JSON.readTree(body).path("data").path(0);
      if (!model.path("context_length").canConvertToInt()) {
        throw new IllegalStateException(gateway + " serves no model now");
      }
      return new RemoteCompleter(client, gateway, GatewayModel.of(model, gateway + "/v1/models"));
    } catch (JsonProcessingException e) {
      throw new IllegalStateException(gateway + " is no LayerMesh gateway: /v1/models is not JSON", e);
    } catch (IOException e) {
      throw lost(gateway, e);
    }
  }

  @Override
  public ModelStamp stamp() {
    return model.stamp();
  }

  @Override
  public int contextLength() {
    return model.contextLength();
  }

  @Override
  public WindowPolicy usualWindow() {
    return model.window();
  }

  @Override
  public GenerationDefaults generationDefaults() {
    return model.defaults();
  }

  @Override
  public boolean hasChatTemplate() {
    return true; // or the gateway says so when one is needed
  }

  @Override
  public Completion complete(CompletionRequest request, CompletionListener listener) {
    var answer = new GatewayAnswer(request, listener, contextLength());
    boolean chat = request.prompt() instanceof Prompt.Chat;
    HttpRequest.Builder post = HttpRequest.newBuilder(path(chat ? "/v1/chat/completions" : "/v1/completions"))
        .header("content-type", "application/json")
        .POST(BodyPublishers.ofString(body(request).toString()));
    try (var events = new EventStream(answer(post))) { // closing it early cancels
      return read(events, new Chunks(answer));
    } catch (InterruptedException cancelled) {
      return answer.cancelled();
    } catch (IOException e) {
      if (Thread.interrupted()) {
        return answer.cancelled();
      }
      throw lost(gateway, e);
    }
  }

  private Completion read(EventStream events, Chunks chunks) throws IOException {
    while (true) {
      var event = events.next().orElseThrow(() -> new IllegalStateException(gateway + " ended the answer early"));
      if (event.name().equals("error")) {
        throw new UnansweredException(gateway + ": " + message(JSON.readTree(event.data())));
      }
      if (event.data().equals("[DONE]")) {
        return chunks.ended();
      }
      chunks.take(JSON.readTree(event.data()));
    }
  }

  /** The body of a response of status 200. */
  private InputStream answer(HttpRequest.Builder request) throws IOException, InterruptedException {
    HttpResponse<InputStream> response = client.send(request.build(), BodyHandlers.ofInputStream());
    if (response.statusCode() == 200) {
      return response.body();
    }
    try (InputStream body = response.body()) {
      JsonNode error = error(body.readAllBytes());
      if (error.path("error").path("code").asText().equals("context_length_exceeded")) {
        throw new ContextFullException(gateway + ": " + message(error));
      }
      if (response.statusCode() == 400) {
        throw InputException.in(gateway, message(error));
      }
      String answered = gateway + ": " + response.statusCode() + ": " + message(error);
      throw isPassing(response.statusCode())
          ? new UnansweredException(answered)
          : new IllegalStateException(answered);
    }
  }

  /** Whether a status says that another try may succeed: too many requests, or no worker now (RFC 6585, RFC 9110). */
  static boolean isPassing(int status) {
    return status == 429 || status == 503;
  }

  private static JsonNode error(byte[] body) throws IOException {
    try {
      return JSON.readTree(body);
    } catch (JsonProcessingException notJson) {
      return JsonNodeFactory.instance.objectNode();
    }
  }

  private static String message(JsonNode body) {
    return GatewayJson.message(body.path("error"));
  }

  static IllegalStateException lost(URI gateway, IOException cause) {
    String what =
        cause instanceof ConnectException ? "nothing answers there" : "connection lost: " + cause.getMessage();
    return new IllegalStateException(gateway + ": " + what, cause);
  }

  /** The client, for the gateway's other endpoints; it is closed with this. */
  HttpClient client() {
    return client;
  }

  private URI path(String path) {
    return URI.create(gateway + path);
  }

  private static ObjectNode body(CompletionRequest request) {
    ObjectNode body = JsonNodeFactory.instance.objectNode();
    switch (request.prompt()) {
      case Prompt.Text text -> body.put("prompt", text.text());
      case Prompt.Ids ids -> GatewayJson.put(body.putArray("prompt"), ids.ids());
      case Prompt.Chat chat -> GatewayJson.put(body.putArray("messages"), chat.messages());
    }
    body.put("max_tokens", request.maxTokens());
    GatewayJson.put(body, request);
    return body;
  }

  @Override
  public void close() {
    client.shutdownNow();
  }

  /** Builds an answer from its chunks. */
  private final class Chunks {
    private final GatewayAnswer answer;
    private String finishReason = "";
    private Optional<JsonNode> counters = Optional.empty();

    Chunks(GatewayAnswer answer) {
      this.answer = answer;
    }

    void take(JsonNode chunk) {
      if (chunk.has("prompt_token_ids")) {
        answer.begun(chunk.path("prompt_token_ids"));
      }
      JsonNode choice = chunk.path("choices").path(0);
      if (choice.path("finish_reason").isTextual()) {
        finishReason = choice.path("finish_reason").textValue();
      }
      JsonNode speculation = chunk.path("speculation");
      if (speculation.has("rounds")) {
        counters = Optional.of(speculation);
      } else {
        String piece = choice.path("text").asText(choice.path("delta").path("content").asText(""));
        answer.committed(choice.path("token_ids"), piece, speculation);
      }
    }

    Completion ended() {
      return answer.ended(finishReason, counters.orElseThrow(
          () -> new IllegalStateException(gateway + " sent no counters: is it a LayerMesh gateway?")));
    }
  }
}
