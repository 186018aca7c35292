package dev.layermesh.gateway.turn;

import dev.layermesh.decoding.InputException;
import io.vertx.core.json.JsonObject;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * An error for a client: {@code {"error": {message, type, param, code}}} with an HTTP status.
 *
 * @param status HTTP status, also inside WebSocket error frames
 * @param type the class of errors, for programs
 * @param code the precise error, for programs
 * @param param the request field at fault
 * @param message one sentence for people
 * @param retryAfterSeconds when a retry may succeed; empty if none can
 */
public record ApiError(
    int status, String type, String code, Optional<String> param, String message, OptionalInt retryAfterSeconds) {

  /** A wrong value of a request field. */
  public static ApiError invalid(String field, String problem) {
    return new ApiError(
        400, "invalid_request_error", "invalid_value", Optional.of(field), field + ": " + problem, OptionalInt.empty());
  }

  /** A request that is wrong as a whole. */
  public static ApiError badRequest(int status, String code, String message) {
    return new ApiError(status, "invalid_request_error", code, Optional.empty(), message, OptionalInt.empty());
  }

  /** A refusal after which a client may retry. */
  public static ApiError busy(int status, String code, String message, int retryAfterSeconds) {
    return new ApiError(
        status, status == 429 ? "rate_limit_error" : "server_error", code, Optional.empty(), message,
        OptionalInt.of(retryAfterSeconds));
  }

  /** A generation or the gateway itself failed. */
  public static ApiError server(String code, String message) {
    return new ApiError(500, "server_error", code, Optional.empty(), message, OptionalInt.empty());
  }

  /** The error for a value that {@code decoding} refuses. */
  public static ApiError of(InputException wrong) {
    Optional<String> field = Optional.of(wrong.field()).filter(name -> !name.isEmpty());
    return new ApiError(
        400, "invalid_request_error", "invalid_value", field, wrong.getMessage(), OptionalInt.empty());
  }

  /** The inner object. */
  public JsonObject toJson() {
    return new JsonObject()
        .put("message", message)
        .put("type", type)
        .put("param", param.orElse(null))
        .put("code", code);
  }

  /** The body of an HTTP response and the data of an {@code event: error}. */
  public JsonObject envelope() {
    return new JsonObject().put("error", toJson());
  }
}
