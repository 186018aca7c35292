package dev.layermesh.gateway;

import dev.layermesh.decoding.WindowPolicy;
import dev.layermesh.gateway.turn.ModelSource;
import dev.layermesh.gateway.turn.ModelSource.State;
import dev.layermesh.gateway.turn.ServedModel;
import dev.layermesh.gateway.turn.SessionHosts;
import dev.layermesh.tokenizer.GenerationDefaults;
import io.opentelemetry.api.OpenTelemetry;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.http.WebSocket;
import io.vertx.core.http.WebSocketClient;
import io.vertx.core.http.WebSocketConnectOptions;
import io.vertx.core.json.JsonObject;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.stream.Stream;

/** A gateway on a free port over a scripted generator, and clients for it. */
public final class GatewayFixture implements AutoCloseable {
  static final ServedModel MODEL = new ServedModel(
      "tiny", "f00d", 1000, 3, WindowPolicy.sequential(4), GenerationDefaults.NONE, Instant.EPOCH, new ByteText());
  static final GatewayOptions OPTIONS =
      GatewayOptions.DEFAULT.withAddress("127.0.0.1", 0).withLimits(16, 64, 64 << 10);

  final Vertx vertx = Vertx.vertx();
  final HttpClient http = HttpClient.newHttpClient();
  final Gateway gateway;
  private final WebSocketClient webSockets = vertx.createWebSocketClient();

  GatewayFixture(SessionHosts hosts) {
    this(OPTIONS, () -> new State.Ready(MODEL), hosts, OpenTelemetry.noop());
  }

  GatewayFixture(GatewayOptions options, ModelSource models, SessionHosts hosts, OpenTelemetry telemetry) {
    gateway = await(Gateway.start(vertx, options, models, hosts, telemetry));
  }

  static <T> T await(Future<T> future) {
    return future.toCompletionStage().toCompletableFuture().orTimeout(20, TimeUnit.SECONDS).join();
  }

  public static void eventually(String what, BooleanSupplier condition) {
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(10);
    while (!condition.getAsBoolean()) {
      if (System.nanoTime() > deadline) {
        throw new AssertionError("not within 10 s: " + what);
      }
      LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(2));
    }
  }

  HttpRequest.Builder request(String path) {
    return HttpRequest.newBuilder(URI.create(gateway.url() + path));
  }

  HttpResponse<String> get(String path) throws Exception {
    return http.send(request(path).build(), HttpResponse.BodyHandlers.ofString());
  }

  HttpResponse<String> post(String path, byte[] body) throws Exception {
    return http.send(
        request(path).POST(HttpRequest.BodyPublishers.ofByteArray(body)).build(), HttpResponse.BodyHandlers.ofString());
  }

  HttpResponse<String> post(String path, String body) throws Exception {
    return post(path, body.getBytes(StandardCharsets.UTF_8));
  }

  HttpResponse<String> post(String path, JsonObject body) throws Exception {
    return post(path, body.encode());
  }

  /** The lines of a server-sent event stream, without the blank ones. */
  List<String> stream(String path, JsonObject body) throws Exception {
    HttpResponse<Stream<String>> response = http.send(
        request(path).POST(HttpRequest.BodyPublishers.ofString(body.encode())).build(),
        HttpResponse.BodyHandlers.ofLines());
    if (response.statusCode() != 200) {
      throw new AssertionError(response.statusCode() + " " + response.body().toList());
    }
    return response.body().filter(line -> !line.isEmpty()).toList();
  }

  Socket connect() {
    return connect(new WebSocketConnectOptions());
  }

  Socket connect(WebSocketConnectOptions options) {
    return new Socket(await(webSockets.connect(
        options.setHost("127.0.0.1").setPort(gateway.port()).setURI("/v1/responses"))));
  }

  @Override
  public void close() {
    http.shutdownNow();
    await(gateway.close());
    await(vertx.close());
  }

  /** A WebSocket client that keeps the events it receives. */
  static final class Socket {
    final WebSocket socket;
    private final BlockingQueue<JsonObject> received = new LinkedBlockingQueue<>();

    Socket(WebSocket socket) {
      this.socket = socket;
      socket.textMessageHandler(text -> received.add(new JsonObject(text)));
    }

    void send(JsonObject message) {
      send(message.encode());
    }

    void send(String message) {
      await(socket.writeTextMessage(message));
    }

    JsonObject next() throws InterruptedException {
      JsonObject event = received.poll(10, TimeUnit.SECONDS);
      if (event == null) {
        throw new AssertionError("nothing came within 10 s");
      }
      return event;
    }

    boolean silent() {
      return received.isEmpty();
    }

    /** Events up to and including the first of a terminal type. */
    List<JsonObject> untilEnd() throws InterruptedException {
      var events = new ArrayList<JsonObject>();
      do {
        events.add(next());
      } while (!List.of("response.completed", "response.incomplete", "response.failed", "error")
          .contains(events.getLast().getString("type")));
      return events;
    }
  }
}
