package dev.layermesh.gateway.api;

import dev.layermesh.gateway.turn.ApiError;
import io.vertx.core.Future;
import io.vertx.core.http.HttpHeaders;
import io.vertx.core.http.HttpServerResponse;
import io.vertx.core.json.JsonObject;

/** Writes HTTP responses that are not streams. */
final class Replies {
  private Replies() {}

  static Future<Void> json(HttpServerResponse response, int status, JsonObject body) {
    return send(response, status, "application/json", body.encode());
  }

  static Future<Void> error(HttpServerResponse response, ApiError error) {
    error.retryAfterSeconds().ifPresent(seconds -> response.putHeader("retry-after", Integer.toString(seconds)));
    return json(response, error.status(), error.envelope());
  }

  static Future<Void> send(HttpServerResponse response, int status, String contentType, String body) {
    return response.ended() || response.closed()
        ? Future.succeededFuture()
        : response.setStatusCode(status).putHeader(HttpHeaders.CONTENT_TYPE, contentType).end(body);
  }
}
