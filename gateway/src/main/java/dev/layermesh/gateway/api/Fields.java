package dev.layermesh.gateway.api;

import dev.layermesh.gateway.turn.ApiError;
import dev.layermesh.gateway.turn.ApiException;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.math.BigDecimal;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.OptionalLong;

/**
 * The fields of a JSON object a client sent, read by type. A field that is absent or null is empty; one of another type
 * or outside its range throws an {@link ApiException} that names it.
 */
final class Fields {
  /** A double below this limit is an exact integer. */
  private static final double EXACT = 1L << 53;

  private final JsonObject json;
  private final String path;

  private Fields(JsonObject json, String path) {
    this.json = json;
    this.path = path;
  }

  /** Reads a message: strict UTF-8, one JSON object. */
  static Fields parse(byte[] message) {
    String text;
    try {
      text = StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(message)).toString();
    } catch (CharacterCodingException e) {
      throw new ApiException(ApiError.badRequest(400, "invalid_utf8", "the body is not valid UTF-8"));
    }
    return parse(text);
  }

  /** Reads a message: one JSON object. */
  static Fields parse(String message) {
    try {
      return new Fields(new JsonObject(message), "");
    } catch (RuntimeException e) {
      throw new ApiException(
          ApiError.badRequest(400, "invalid_json", "the body is not one JSON object: " + firstLine(e)));
    }
  }

  /** The fields of an element of an array. */
  static Fields of(Object value, String path) {
    if (value instanceof JsonObject object) {
      return new Fields(object, path + ".");
    }
    throw wrong(path, "must be an object, got " + kind(value));
  }

  Optional<Object> any(String field) {
    return Optional.ofNullable(json.getValue(field));
  }

  Optional<String> text(String field) {
    return any(field).map(value -> text(value, path + field));
  }

  /** A string without a lone surrogate, which UTF-8 cannot encode. */
  static String text(Object value, String path) {
    if (!(value instanceof String text)) {
      throw wrong(path, "must be a string, got " + kind(value));
    }
    if (!StandardCharsets.UTF_8.newEncoder().canEncode(text)) {
      throw wrong(path, "holds a lone surrogate, which is not a character");
    }
    return text;
  }

  boolean flag(String field) {
    return any(field)
        .map(value -> {
          if (value instanceof Boolean flag) {
            return flag;
          }
          throw wrong(path + field, "must be true or false, got " + kind(value));
        })
        .orElse(false);
  }

  OptionalInt integer(String field, int least, int most) {
    OptionalLong value = integer64(field);
    if (value.isPresent() && (value.getAsLong() < least || value.getAsLong() > most)) {
      throw wrong(path + field, "must be between " + least + " and " + most + ", got " + value.getAsLong());
    }
    return value.isPresent() ? OptionalInt.of((int) value.getAsLong()) : OptionalInt.empty();
  }

  OptionalLong integer64(String field) {
    return any(field)
        .map(value -> whole(value).orElseThrow(
            () -> wrong(path + field, "must be an integer of at most 64 bits, got " + kind(value))))
        .map(OptionalLong::of).orElseGet(OptionalLong::empty);
  }

  /** An integer of at most 64 bits; clients may write 8 as 8.0. */
  static Optional<Long> whole(Object value) {
    return switch (value) {
      case Integer number -> Optional.of(number.longValue());
      case Long number -> Optional.of(number);
      case Double number when number == Math.rint(number) && Math.abs(number) < EXACT ->
          Optional.of(number.longValue());
      case null, default -> Optional.empty();
    };
  }

  /** A finite number in [least, most], or in (least, most] if {@code above}. */
  OptionalDouble number(String field, double least, double most, boolean above) {
    Optional<Object> value = any(field);
    if (value.isEmpty()) {
      return OptionalDouble.empty();
    }
    if (!(value.get() instanceof Number number)) {
      throw wrong(path + field, "must be a number, got " + kind(value.get()));
    }
    double x = number.doubleValue();
    if (!(x <= most && (above ? x > least : x >= least))) {
      throw wrong(path + field, "must be " + (above ? "above " : "between ") + plain(least)
          + (above ? " and at most " : " and ") + plain(most) + ", got " + number);
    }
    return OptionalDouble.of(x);
  }

  Optional<JsonArray> array(String field) {
    return any(field)
        .map(value -> {
          if (value instanceof JsonArray array) {
            return array;
          }
          throw wrong(path + field, "must be an array, got " + kind(value));
        });
  }

  Optional<Fields> object(String field) {
    return any(field).map(value -> of(value, path + field));
  }

  /** All fields as plain Java data, in order. */
  Map<String, Object> all() {
    return json.getMap();
  }

  /** The full name of a field of this object. */
  String name(String field) {
    return path + field;
  }

  static ApiException wrong(String field, String problem) {
    return ApiException.invalid(field, problem);
  }

  static String kind(Object value) {
    return switch (value) {
      case null -> "null";
      case String text -> "a string";
      case Boolean flag -> flag.toString();
      case Integer number -> number.toString();
      case Long number -> number.toString();
      case Double number -> number.toString();
      case Number number -> "a number beyond 64 bits";
      case JsonArray array -> "an array";
      case JsonObject object -> "an object";
      default -> value.getClass().getSimpleName();
    };
  }

  private static String plain(double value) {
    return BigDecimal.valueOf(value).stripTrailingZeros().toPlainString();
  }

  private static String firstLine(Throwable e) {
    String message = String.valueOf(e.getMessage()).lines().findFirst().orElse("");
    return message.length() > 200 ? message.substring(0, 200) + "…" : message;
  }
}
