package dev.layermesh.gateway.api;

import dev.layermesh.gateway.turn.ApiError;
import dev.layermesh.gateway.turn.ApiException;
import dev.layermesh.gateway.turn.ModelSource.State;
import dev.layermesh.gateway.turn.ServedModel;
import dev.layermesh.gateway.turn.Turn;
import dev.layermesh.gateway.turn.TurnRequest;
import dev.layermesh.gateway.turn.TurnTelemetry;
import dev.layermesh.gateway.turn.Turns;
import dev.layermesh.tokenizer.GenerationDefaults;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpHeaders;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.http.HttpServerResponse;
import io.vertx.core.http.HttpVersion;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import io.vertx.ext.web.Router;
import io.vertx.ext.web.RoutingContext;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Function;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Maps paths to handlers. Handlers run on the connection's event loop. */
public final class Endpoints {
  private static final Logger LOG = LoggerFactory.getLogger(Endpoints.class);
  private static final String POLICY =
      "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; img-src data:";

  /** Time that a refused client gets to send the rest of its request and to read the refusal. */
  private static final Duration LAST_READS = Duration.ofSeconds(1);

  private final Vertx vertx;
  private final ClientLimits limits;
  private final Turns turns;
  private final RequestReader reader = new RequestReader();
  private final OriginPolicy policy;
  private final String page = page();

  public Endpoints(Vertx vertx, ClientLimits limits, Turns turns) {
    this.vertx = vertx;
    this.limits = limits;
    this.turns = turns;
    policy = new OriginPolicy(limits.host());
  }

  public Router router() {
    Router router = Router.router(vertx);
    router.route().handler(this::admit);
    router.post("/v1/chat/completions").handler(each -> complete(each, CompletionFormat.CHAT, "chat", reader::chat));
    router.post("/v1/completions")
        .handler(each -> complete(each, CompletionFormat.COMPLETION, "text_completion", reader::completion));
    router.get("/v1/responses").handler(this::responses);
    router.get("/v1/models").handler(each -> Replies.json(each.response(), 200, models()));
    router.get("/v1/models/*").handler(this::model);
    router.get("/health/live").handler(each -> Replies.json(each.response(), 200, status("live")));
    router.get("/health/ready").handler(this::ready);
    router.get("/metrics").handler(each -> Replies.send(
        each.response(), 200, "text/plain; version=0.0.4; charset=utf-8", turns.metrics().scrape()));
    router.get("/").handler(this::page);
    router.errorHandler(404, each -> Replies.error(
        each.response(), ApiError.badRequest(404, "not_found", each.request().path() + " is not served here")));
    router.errorHandler(405, each -> Replies.error(
        each.response(),
        ApiError.badRequest(405, "method_not_allowed", each.request().method() + " is not allowed on this path")));
    router.errorHandler(500, each -> Replies.error(each.response(), Turns.errorOf(each.failure())));
    return router;
  }

  private void admit(RoutingContext exchange) {
    exchange.response().putHeader("x-request-id", UUID.randomUUID().toString());
    if (policy.allow(exchange.request())) {
      exchange.next();
    } else {
      Replies.error(
          exchange.response(), ApiError.badRequest(403, "origin_not_allowed", "pages of other origins may not call"));
    }
  }

  private void complete(
      RoutingContext exchange, CompletionFormat format, String operation, Function<Fields, TurnRequest> reader) {
    HttpServerRequest request = exchange.request();
    HttpServerResponse response = exchange.response();
    var turn = new AtomicReference<Optional<Turn>>(Optional.empty());
    response.closeHandler(none -> turn.get().ifPresent(Turn::clientGone));
    response.exceptionHandler(reset -> turn.get().ifPresent(Turn::clientGone));
    response.drainHandler(none -> turn.get().ifPresent(Turn::drained));
    body(request)
        .compose(body -> {
          var call = new Turns.Call(
              () -> reader.apply(Fields.parse(body.getBytes())),
              asked -> asked.output().stream() ? new SseWriter(response, format) : new JsonWriter(response, format),
              operation, new TurnTelemetry.Origin.Continued(request.headers()), () -> !response.closed(),
              () -> drop(request));
          return turns.start(call, () -> {});
        })
        .onSuccess(turn::set)
        .onFailure(failure -> refuse(request, Turns.errorOf(failure)));
  }

  /** Answers with an error. If the request did not arrive as a whole, closes its connection, which cannot be reused. */
  private void refuse(HttpServerRequest request, ApiError error) {
    if (request.isEnded()) {
      Replies.error(request.response(), error);
      return;
    }
    if (request.version() != HttpVersion.HTTP_2) {
      request.response().putHeader(HttpHeaders.CONNECTION, HttpHeaders.CLOSE);
    }
    Replies.error(request.response(), error).onComplete(written -> {
      long patience = vertx.setTimer(LAST_READS.toMillis(), id -> drop(request));
      request.endHandler(none -> {
        vertx.cancelTimer(patience);
        drop(request);
      });
    });
  }

  /** Closes the request's connection; with HTTP/2, where requests share a connection, resets its stream. */
  private static void drop(HttpServerRequest request) {
    if (request.version() == HttpVersion.HTTP_2) {
      request.response().reset();
    } else {
      request.connection().close();
    }
  }

  /**
   * The body. Fails if it is too large, too slow or ends early. Reads and drops what is too large, because a client
   * reads the refusal only after it has sent its body.
   */
  private Future<Buffer> body(HttpServerRequest request) {
    Promise<Buffer> whole = Promise.promise();
    var late = new ApiException(
        ApiError.badRequest(408, "body_timeout", "the body took longer than " + limits.stall().toSeconds() + " s"));
    long deadline = vertx.setTimer(limits.stall().toMillis(), id -> whole.tryFail(late));
    Buffer body = Buffer.buffer();
    request.handler(chunk -> {
      if (body.length() + chunk.length() <= limits.maxBodyBytes()) {
        body.appendBuffer(chunk);
      } else {
        whole.tryFail(new ApiException(ApiError.badRequest(
            413, "body_too_large", "a request has at most " + limits.maxBodyBytes() + " bytes")));
      }
    });
    request.endHandler(none -> whole.tryComplete(body));
    request.exceptionHandler(gone -> {
      LOG.debug("a client closed a request early", gone);
      whole.tryFail(new ApiException(ApiError.badRequest(400, "body_incomplete", "the request ended early")));
    });
    return whole.future().onComplete(done -> vertx.cancelTimer(deadline));
  }

  private void responses(RoutingContext exchange) {
    HttpServerRequest request = exchange.request();
    if (!"websocket".equalsIgnoreCase(request.getHeader(HttpHeaders.UPGRADE))) {
      Replies.error(
          exchange.response(), ApiError.badRequest(426, "upgrade_required", "responses are served over WebSocket"));
      return;
    }
    request.toWebSocket()
        .onSuccess(socket -> ResponsesSocket.serve(vertx, socket, request.headers(), turns, reader, limits));
  }

  private JsonObject models() {
    var data = new JsonArray();
    if (turns.state() instanceof State.Ready(ServedModel model)) {
      data.add(describe(model));
    }
    return new JsonObject().put("object", "list").put("data", data);
  }

  private void model(RoutingContext exchange) {
    String asked = exchange.normalizedPath().substring("/v1/models/".length());
    if (turns.state() instanceof State.Ready(ServedModel model) && model.id().equals(asked)) {
      Replies.json(exchange.response(), 200, describe(model));
    } else {
      Replies.error(
          exchange.response(), ApiError.badRequest(404, "model_not_found", "this model is not served here"));
    }
  }

  private static JsonObject describe(ServedModel model) {
    return new JsonObject()
        .put("id", model.id())
        .put("object", "model")
        .put("created", model.since().getEpochSecond())
        .put("owned_by", "layermesh")
        .put("fingerprint", model.fingerprint())
        .put("context_length", model.contextLength())
        .put("max_model_len", model.contextLength())
        .put("exit_layer", model.exitLayer())
        .put("window", model.window().draftTokens())
        .put("generation_config", describe(model.sampling()));
  }

  /** The sampling values of requests that name none, under their names in the checkpoint's file. */
  private static JsonObject describe(GenerationDefaults sampling) {
    var named = new JsonObject();
    sampling.temperature().ifPresent(value -> named.put("temperature", value));
    sampling.topK().ifPresent(value -> named.put("top_k", value));
    sampling.topP().ifPresent(value -> named.put("top_p", value));
    return named;
  }

  private void ready(RoutingContext exchange) {
    switch (turns.state()) {
      case State.Ready ready -> Replies.json(exchange.response(), 200, status("ready"));
      case State.Missing missing -> Replies.json(
          exchange.response().putHeader("retry-after", "2"), 503,
          status("not ready").put("code", missing.code()).put("missing", missing.missing()));
    }
  }

  private static JsonObject status(String status) {
    return new JsonObject().put("status", status);
  }

  private void page(RoutingContext exchange) {
    exchange.response()
        .putHeader("content-security-policy", POLICY)
        .putHeader("x-content-type-options", "nosniff")
        .putHeader(HttpHeaders.CACHE_CONTROL, "no-cache");
    Replies.send(exchange.response(), 200, "text/html; charset=utf-8", page);
  }

  private static String page() {
    try (InputStream file = Endpoints.class.getResourceAsStream("page.html")) {
      return new String(file.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
