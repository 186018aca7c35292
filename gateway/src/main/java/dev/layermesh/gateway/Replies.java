package dev.layermesh.gateway;

import io.vertx.core.http.HttpHeaders;
import io.vertx.core.http.HttpServerResponse;
import io.vertx.core.json.JsonObject;

/** Whole HTTP answers. */
final class Replies {
  private Replies() {}

  static void json(HttpServerResponse response, int status, JsonObject body) {
    send(response, status, "application/json", body.encode());
  }

  static void error(HttpServerResponse response, ApiError error) {
    error.retryAfterSeconds().ifPresent(seconds -> response.putHeader("retry-after", Integer.toString(seconds)));
    json(response, error.status(), error.envelope());
  }

  static void send(HttpServerResponse response, int status, String contentType, String body) {
    if (!response.ended() && !response.closed()) {
      response.setStatusCode(status).putHeader(HttpHeaders.CONTENT_TYPE, contentType).end(body);
    }
  }
}
