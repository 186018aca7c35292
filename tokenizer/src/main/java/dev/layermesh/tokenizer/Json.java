package dev.layermesh.tokenizer;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.layermesh.decoding.InputException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;

/** Reads the JSON files of a checkpoint: ignores unknown fields, and reports damage in one line that names the file. */
final class Json {
  static final ObjectMapper MAPPER =
      JsonMapper.builder().disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES).build();

  private Json() {}

  static <T> T read(byte[] bytes, Class<T> type, String source) {
    try {
      T value = MAPPER.readValue(bytes, type);
      if (value == null) {
        throw InputException.in(source, "holds null; it must hold a JSON object");
      }
      return value;
    } catch (JsonProcessingException e) {
      throw InputException.in(source, "not valid: " + oneLine(e.getOriginalMessage()) + where(e));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static String write(Object value) {
    try {
      return MAPPER.writeValueAsString(value);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("cannot be written as JSON: " + value.getClass(), e);
    }
  }

  static byte[] bytes(Object value) {
    return write(value).getBytes(StandardCharsets.UTF_8);
  }

  /** The first line of a message, its blanks collapsed: errors are one line. */
  static String oneLine(String message) {
    return message == null ? "no reason given" : message.strip().lines().findFirst().orElse("no reason given").strip();
  }

  private static String where(JsonProcessingException e) {
    return e.getLocation() == null
        ? ""
        : " at line " + e.getLocation().getLineNr() + ", column " + e.getLocation().getColumnNr();
  }
}
