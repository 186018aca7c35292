package dev.layermesh.engine.json;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectReader;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.layermesh.decoding.InputException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;

/**
 * The fields of one JSON object in a file, typed. Every refusal is an {@link InputException} naming file, field (with
 * the fields around it, {@code rope_scaling.factor}) and value. A field that is {@code null} counts as absent.
 *
 * <p>Strict: UTF-8, no duplicate keys, no NaN, nothing after the object. Immutable, any thread.
 */
public final class JsonFields {
  private static final int SHOWN_CHARACTERS = 80;
  private static final ObjectReader READER = JsonMapper.builder()
      .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
      .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
      .build()
      .reader();

  private final Path file;
  private final String prefix;
  private final ObjectNode node;

  private JsonFields(Path file, String prefix, ObjectNode node) {
    this.file = file;
    this.prefix = prefix;
    this.node = node;
  }

  /** The object that {@code file} holds. */
  public static JsonFields read(Path file) {
    if (!Files.isRegularFile(file)) {
      throw InputException.in(file, "no such file");
    }
    try {
      return parse(file, Files.readAllBytes(file));
    } catch (IOException e) {
      throw InputException.in(file, "cannot be read: " + e);
    }
  }

  /** The object in {@code utf8}, a part of {@code file}. */
  public static JsonFields parse(Path file, byte[] utf8) {
    try {
      String text = StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(utf8)).toString();
      if (READER.readTree(text) instanceof ObjectNode object) {
        return new JsonFields(file, "", object);
      }
      throw InputException.in(file, "must hold a JSON object");
    } catch (CharacterCodingException e) {
      throw InputException.in(file, "its JSON is not UTF-8");
    } catch (JsonProcessingException e) {
      String where = e.getLocation() == null
          ? ""
          : " at line " + e.getLocation().getLineNr() + ", column " + e.getLocation().getColumnNr();
      String problem = e.getOriginalMessage().split(": enable | \\(start marker")[0]; // without Jackson's options
      throw InputException.in(file, "not valid JSON" + where + ": " + shortened(problem));
    }
  }

  /** The file that holds the object. */
  public Path file() {
    return file;
  }

  /** Names of all fields, in the order of the file. */
  public List<String> names() {
    List<String> names = new ArrayList<>(node.size());
    node.fieldNames().forEachRemaining(names::add);
    return names;
  }

  /** Whether {@code field} is present and not null. */
  public boolean has(String field) {
    return node.hasNonNull(field);
  }

  /** A required 32-bit integer. */
  public int integer(String field) {
    return optionalInteger(field).orElseThrow(() -> wrong(field, "must be an integer"));
  }

  /** A 32-bit integer, if the field is present. */
  public OptionalInt optionalInteger(String field) {
    return has(field) ? OptionalInt.of(integer(field, node.get(field))) : OptionalInt.empty();
  }

  /** One integer or a list of them; none if the field is absent. */
  public List<Integer> integers(String field) {
    if (!has(field)) {
      return List.of();
    }
    List<Integer> values = new ArrayList<>();
    for (JsonNode each : node.get(field).isArray() ? node.get(field) : List.of(node.get(field))) {
      values.add(integer(field, each));
    }
    return List.copyOf(values);
  }

  /** A required list of non-negative 64-bit integers. */
  public List<Long> sizes(String field) {
    if (!has(field) || !node.get(field).isArray()) {
      throw wrong(field, "must be a list of non-negative integers");
    }
    List<Long> values = new ArrayList<>(node.get(field).size());
    for (JsonNode each : node.get(field)) {
      if (!each.isIntegralNumber() || !each.canConvertToLong() || each.longValue() < 0) {
        throw wrong(field, "must be a list of non-negative integers");
      }
      values.add(each.longValue());
    }
    return List.copyOf(values);
  }

  /** A required finite number. */
  public double number(String field) {
    return optionalNumber(field).orElseThrow(() -> wrong(field, "must be a number"));
  }

  /** A finite number, if the field is present. */
  public OptionalDouble optionalNumber(String field) {
    if (!has(field)) {
      return OptionalDouble.empty();
    }
    JsonNode value = node.get(field);
    if (!value.isNumber() || !Double.isFinite(value.doubleValue())) {
      throw wrong(field, "must be a finite number");
    }
    return OptionalDouble.of(value.doubleValue());
  }

  /** A truth value; {@code otherwise} if the field is absent. */
  public boolean flag(String field, boolean otherwise) {
    if (!has(field)) {
      return otherwise;
    }
    if (!node.get(field).isBoolean()) {
      throw wrong(field, "must be true or false");
    }
    return node.get(field).booleanValue();
  }

  /** A required string. */
  public String text(String field) {
    return optionalText(field).orElseThrow(() -> wrong(field, "must be a string"));
  }

  /** A string, if the field is present. */
  public Optional<String> optionalText(String field) {
    if (!has(field)) {
      return Optional.empty();
    }
    if (!node.get(field).isTextual()) {
      throw wrong(field, "must be a string");
    }
    return Optional.of(node.get(field).textValue());
  }

  /** A required object. */
  public JsonFields object(String field) {
    return optionalObject(field).orElseThrow(() -> wrong(field, "must be an object"));
  }

  /** An object, if the field is present. */
  public Optional<JsonFields> optionalObject(String field) {
    if (!has(field)) {
      return Optional.empty();
    }
    if (node.get(field) instanceof ObjectNode object) {
      return Optional.of(new JsonFields(file, prefix + field + ".", object));
    }
    throw wrong(field, "must be an object");
  }

  /**
   * A text: the field's value; or, if the field is a list of objects with a {@code name}, the field {@code inside} of
   * the object named default.
   */
  public Optional<String> named(String field, String inside) {
    if (!has(field) || !node.get(field).isArray()) {
      return optionalText(field);
    }
    for (JsonNode each : node.get(field)) {
      if (each.path("name").asText().equals("default") && each.path(inside).isTextual()) {
        return Optional.of(each.path(inside).textValue());
      }
    }
    throw wrong(field, "must be a text, or a list of {name, " + inside + "} with a name \"default\"");
  }

  /** A string, or the {@code content} of an object; empty if the field is absent or neither. */
  public Optional<String> textOrContent(String field) {
    JsonNode value = node.path(field).isObject() ? node.path(field).path("content") : node.path(field);
    return value.isTextual() ? Optional.of(value.textValue()) : Optional.empty();
  }

  /** Whether {@code field} is a list that holds the string {@code text}. */
  public boolean listHolds(String field, String text) {
    if (has(field) && node.get(field).isArray()) {
      for (JsonNode each : node.get(field)) {
        if (each.isTextual() && each.textValue().equals(text)) {
          return true;
        }
      }
    }
    return false;
  }

  /** The whole object as JSON, with {@code field} set to a list of integers. */
  public byte[] with(String field, List<Integer> values) {
    return bytes(node.deepCopy(), field, values);
  }

  /** An object as JSON that holds one field, a list of integers. */
  public static byte[] object(String field, List<Integer> values) {
    return bytes(JsonNodeFactory.instance.objectNode(), field, values);
  }

  private static byte[] bytes(ObjectNode object, String field, List<Integer> values) {
    values.forEach(object.putArray(field)::add);
    return object.toString().getBytes(StandardCharsets.UTF_8);
  }

  /** The refusal of {@code field}, with its value as the file has it. */
  public InputException wrong(String field, String problem) {
    String value = node.has(field) ? shortened(node.get(field).toString()) : "absent";
    return InputException.in(file, prefix + field, value, problem);
  }

  /** The file, and the path of the object unless it is the whole file: {@code config.json: rope_scaling}. */
  @Override
  public String toString() {
    return prefix.isEmpty() ? file.toString() : file + ": " + prefix.substring(0, prefix.length() - 1);
  }

  private int integer(String field, JsonNode value) {
    if (!value.isIntegralNumber() || !value.canConvertToInt()) {
      throw wrong(field, "must be an integer of at most 32 bits");
    }
    return value.intValue();
  }

  private static String shortened(String text) {
    return text.length() <= SHOWN_CHARACTERS ? text : text.substring(0, SHOWN_CHARACTERS) + "…";
  }
}
