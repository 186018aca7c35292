package dev.layermesh.gateway;

import dev.layermesh.decoding.InputException;
import dev.layermesh.gateway.api.Endpoints;
import dev.layermesh.gateway.turn.ModelSource;
import dev.layermesh.gateway.turn.SessionHosts;
import dev.layermesh.gateway.turn.Turns;
import io.opentelemetry.api.OpenTelemetry;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpServer;
import io.vertx.core.http.HttpServerOptions;
import java.net.BindException;
import java.net.UnknownHostException;
import java.nio.channels.UnresolvedAddressException;
import java.time.Duration;
import java.util.concurrent.TimeUnit;

/**
 * The HTTP and WebSocket server of a mesh. Event loops move bytes; {@code RequestExecutor} encodes prompts on its own
 * threads. Any thread may call.
 */
public final class Gateway {
  /** A send buffer that Linux sizes grows to megabytes and hides a client that stopped reading. */
  private static final int SEND_BUFFER_BYTES = 64 << 10;

  /** Time that connections without a stream get to close. */
  private static final Duration GOODBYE = Duration.ofSeconds(2);

  private final HttpServer server;
  private final Turns turns;
  private final GatewayOptions options;

  private Gateway(HttpServer server, Turns turns, GatewayOptions options) {
    this.server = server;
    this.turns = turns;
    this.options = options;
  }

  /**
   * Starts listening.
   *
   * @param models what is served
   * @param hosts where sessions run
   * @param telemetry gets a span for each turn
   * @return the gateway; fails with an {@link InputException} if the address cannot be listened on
   */
  public static Future<Gateway> start(
      Vertx vertx, GatewayOptions options, ModelSource models, SessionHosts hosts, OpenTelemetry telemetry) {
    var turns = new Turns(vertx, options.turns(), models, hosts, telemetry.getTracer("dev.layermesh.gateway"));
    return vertx.createHttpServer(serverOptions(options))
        .requestHandler(new Endpoints(vertx, options.clients(), turns).router())
        .listen()
        .map(server -> new Gateway(server, turns, options))
        .recover(failure -> turns.close().transform(done -> Future.failedFuture(explained(failure, options))));
  }

  /** The port it listens on. */
  public int port() {
    return server.actualPort();
  }

  /** The address of the page. */
  public String url() {
    String host = options.host().contains(":") ? "[" + options.host() + "]" : options.host();
    return "http://" + host + ":" + port();
  }

  /**
   * Refuses new generations, lets running ones finish until the drain deadline, ends the rest with an error, closes.
   */
  public Future<Void> close() {
    return turns.drain()
        .eventually(() -> server.shutdown(GOODBYE.toMillis(), TimeUnit.MILLISECONDS))
        .eventually(turns::close);
  }

  private static HttpServerOptions serverOptions(GatewayOptions options) {
    return new HttpServerOptions()
        .setHost(options.host())
        .setPort(options.port())
        .setSendBufferSize(SEND_BUFFER_BYTES)
        .setTcpKeepAlive(true)
        .setHandle100ContinueAutomatically(true)
        .setPerMessageWebSocketCompressionSupported(false)
        .setPerFrameWebSocketCompressionSupported(false)
        .setWebSocketClosingTimeout(1)
        .setMaxWebSocketFrameSize(options.clients().maxMessageBytes())
        .setMaxWebSocketMessageSize(options.clients().maxMessageBytes());
  }

  private static Throwable explained(Throwable failure, GatewayOptions options) {
    return switch (failure) {
      case BindException inUse ->
          InputException.of("port", options.port(), "cannot listen on " + options.host() + ": " + inUse.getMessage());
      case UnknownHostException unknown -> InputException.of("host", options.host(), "is not an address of this host");
      case UnresolvedAddressException unknown ->
          InputException.of("host", options.host(), "is not an address of this host");
      default -> failure;
    };
  }
}
