package dev.layermesh.tokenizer;

import dev.layermesh.decoding.InputException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * One message of a conversation: the JSON object that a client sent, which a chat template receives as it is, with
 * {@code tool_calls}, {@code name} and every other field.
 *
 * @param fields plain Java data by field name, in order: null, text, numbers, truth values, lists and maps. At least
 *     {@code role}, a text. Copied; the copy cannot be changed
 */
public record ChatMessage(Map<String, Object> fields) {
  private static final String ROLE = "role";
  private static final String CONTENT = "content";

  /**
   * Checks and copies the fields.
   *
   * @throws InputException if there is no role
   */
  public ChatMessage {
    if (!(fields.get(ROLE) instanceof String)) {
      throw InputException.of(ROLE, fields.get(ROLE), "must be a text, such as user");
    }
    fields = map(fields);
  }

  /** A message of a role that says a text. */
  public ChatMessage(String role, String content) {
    this(fields(role, content));
  }

  private static Map<String, Object> fields(String role, String content) {
    Map<String, Object> fields = new LinkedHashMap<>();
    fields.put(ROLE, role);
    fields.put(CONTENT, content);
    return fields;
  }

  /** The speaker: {@code system}, {@code user}, {@code assistant}, {@code tool}, or what else the template knows. */
  public String role() {
    return (String) fields.get(ROLE);
  }

  /** The text of the message: of a list of parts the texts, one a line; empty where there is none. */
  public String content() {
    return switch (fields.get(CONTENT)) {
      case String text -> text;
      case List<?> parts -> parts.stream().map(ChatMessage::text).collect(Collectors.joining("\n"));
      case null, default -> "";
    };
  }

  private static String text(Object part) {
    return part instanceof Map<?, ?> map && map.get("text") instanceof String text ? text : "";
  }

  /** Whether the content is a list of parts, all of them text. */
  boolean hasOnlyTextParts() {
    return fields.get(CONTENT) instanceof List<?> parts
        && parts.stream().allMatch(part -> part instanceof Map<?, ?> map && map.get("text") instanceof String);
  }

  /** This message with the texts of its parts joined, one a line. */
  ChatMessage withJoinedText() {
    Map<String, Object> joined = new LinkedHashMap<>(fields);
    joined.put(CONTENT, content());
    return new ChatMessage(joined);
  }

  private static Object copy(Object value) {
    return switch (value) {
      case Map<?, ?> map -> map(map);
      case Collection<?> list -> {
        var copy = new ArrayList<Object>();
        list.forEach(item -> copy.add(copy(item)));
        yield Collections.unmodifiableList(copy);
      }
      case null -> null;
      case String text -> text;
      case Number number -> number;
      case Boolean bool -> bool;
      default -> throw new IllegalArgumentException("no JSON: " + value.getClass());
    };
  }

  private static Map<String, Object> map(Map<?, ?> map) {
    Map<String, Object> copy = new LinkedHashMap<>();
    map.forEach((name, value) -> copy.put((String) name, copy(value)));
    return Collections.unmodifiableMap(copy);
  }
}
