package dev.layermesh.system;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.layermesh.decoding.TokenIds;
import dev.layermesh.testkit.Await;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A client of a gateway as users write it, on the JDK's HTTP client. */
final class GatewayClient implements AutoCloseable {
  static final ObjectMapper JSON = new ObjectMapper();

  private static final Duration ANSWER = Duration.ofSeconds(120);
  private static final Duration READY = Duration.ofSeconds(60);

  private final HttpClient http = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
  private final String url;

  GatewayClient(String url) {
    this.url = url;
  }

  /** An answer to a request that asked for token ids. */
  record Answer(TokenIds promptIds, TokenIds ids, String text, String finish, JsonNode usage, JsonNode speculation) {}

  /** A request that asks for token ids. */
  static ObjectNode request() {
    return JSON.createObjectNode().put("return_token_ids", true);
  }

  /** A request that continues token ids, for any endpoint. */
  static ObjectNode request(TokenIds prompt) {
    return request().set("prompt_ids", array(prompt));
  }

  static TokenIds ids(JsonNode array) {
    assertThat(array.isArray()).as("token ids in %s", array).isTrue();
    int[] ids = new int[array.size()];
    for (int i = 0; i < ids.length; i++) {
      ids[i] = array.get(i).intValue();
    }
    return TokenIds.of(ids);
  }

  private static ArrayNode array(TokenIds ids) {
    ArrayNode array = JSON.createArrayNode();
    for (int id : ids.toArray()) {
      array.add(id);
    }
    return array;
  }

  String url() {
    return url;
  }

  /** Waits until generations can start. */
  void awaitReady() {
    awaitHealth(200);
  }

  /** Waits until no generation can start. */
  void awaitUnready() {
    awaitHealth(503);
  }

  private void awaitHealth(int status) {
    Await.until(url + "/health/ready answers " + status, READY, () -> get("/health/ready").statusCode() == status);
  }

  HttpResponse<String> get(String path) {
    return exchange(HttpRequest.newBuilder(URI.create(url + path)).timeout(ANSWER).build());
  }

  /** A value of {@code /metrics}; 0 while it is not there. */
  double metric(String name) {
    Matcher line = Pattern.compile("(?m)^" + Pattern.quote(name) + " (\\S+)$").matcher(get("/metrics").body());
    return line.find() ? Double.parseDouble(line.group(1)) : 0;
  }

  HttpResponse<String> post(String path, ObjectNode body) {
    return exchange(posting(path, body).build());
  }

  /** The answer in one piece. */
  Answer complete(String path, ObjectNode body) {
    return answer(post(path, body));
  }

  /** The answer in one piece to a request with another header. */
  Answer complete(String path, ObjectNode body, String header, String value) {
    return answer(exchange(posting(path, body).setHeader(header, value).build()));
  }

  /** The answer in one piece, later. */
  CompletableFuture<Answer> completeAsync(String path, ObjectNode body) {
    return http.sendAsync(posting(path, body).build(), BodyHandlers.ofString()).thenApply(GatewayClient::answer);
  }

  private static Answer answer(HttpResponse<String> response) {
    assertThat(response.statusCode()).as(response.body()).isEqualTo(200);
    try {
      JsonNode whole = JSON.readTree(response.body());
      JsonNode choice = whole.required("choices").required(0);
      JsonNode text = choice.has("text") ? choice.get("text") : choice.required("message").required("content");
      return new Answer(
          ids(whole.required("prompt_token_ids")), ids(choice.required("token_ids")), text.textValue(),
          choice.required("finish_reason").textValue(), whole.required("usage"), whole.required("speculation"));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Opens a stream of server-sent events; events that are not read stay in the sockets, and then in the gateway. */
  EventStream stream(String path, ObjectNode body) {
    ObjectNode streaming = body.deepCopy().put("stream", true);
    streaming.set("stream_options", JSON.createObjectNode().put("include_usage", true));
    try {
      var response = http.send(posting(path, streaming).build(), BodyHandlers.ofInputStream());
      if (response.statusCode() != 200) {
        throw new AssertionError(response.statusCode() + " " + new String(response.body().readAllBytes()));
      }
      return new EventStream(response.body());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new AssertionError("interrupted while opening a stream", e);
    }
  }

  /** Connects a WebSocket for responses. */
  ResponseSocket connect() {
    return ResponseSocket.connect(http, URI.create(url.replaceFirst("http", "ws") + "/v1/responses"));
  }

  private HttpRequest.Builder posting(String path, ObjectNode body) {
    return HttpRequest.newBuilder(URI.create(url + path))
        .timeout(ANSWER)
        .header("content-type", "application/json")
        .POST(HttpRequest.BodyPublishers.ofString(body.toString()));
  }

  private HttpResponse<String> exchange(HttpRequest request) {
    try {
      return http.send(request, BodyHandlers.ofString());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new AssertionError("interrupted while waiting for " + request.uri(), e);
    }
  }

  @Override
  public void close() {
    http.shutdownNow();
  }
}
