package dev.layermesh.engine.model;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.layermesh.decoding.InputException;
import dev.layermesh.engine.json.JsonFields;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.OptionalInt;

/** Reads the token that ends a text from the tokenizer files of a checkpoint folder. */
final class TokenizerConfig {
  private static final JsonMapper JSON = new JsonMapper();

  private TokenizerConfig() {}

  /**
   * The id of the {@code eos_token} of {@code tokenizer_config.json}; chat templates end a turn with this token. The id
   * is that of {@code added_tokens_decoder}, else that of {@code tokenizer.json}. Empty if the folder names neither.
   *
   * @throws InputException naming file, field and value
   */
  static OptionalInt eosId(Path folder) {
    Path file = folder.resolve(ModelFiles.TOKENIZER_CONFIG);
    if (!Files.exists(file)) {
      return OptionalInt.empty();
    }
    JsonFields config = JsonFields.read(file);
    Optional<String> token = config.textOrContent("eos_token");
    if (token.isEmpty()) {
      return OptionalInt.empty();
    }
    OptionalInt decoded = decoded(config, token.get());
    Path tokenizer = folder.resolve(ModelFiles.TOKENIZER_JSON);
    return decoded.isPresent() || !Files.exists(tokenizer) ? decoded : find(tokenizer, token.get());
  }

  private static OptionalInt decoded(JsonFields config, String token) {
    Optional<JsonFields> decoder = config.optionalObject("added_tokens_decoder");
    return decoder.stream()
        .flatMap(tokens -> tokens.names().stream())
        .filter(id -> id.matches("\\d{1,9}") && decoder.get().textOrContent(id).equals(Optional.of(token)))
        .mapToInt(Integer::parseInt)
        .findFirst();
  }

  /** Reads a {@code tokenizer.json} up to the token only, because the file can have many megabytes. */
  private static OptionalInt find(Path file, String token) {
    try (JsonParser json = JSON.createParser(file.toFile())) {
      json.nextToken();
      while (json.nextToken() == JsonToken.FIELD_NAME) {
        String field = json.currentName();
        json.nextToken();
        OptionalInt id = switch (field) {
          case "added_tokens" -> added(json, token);
          case "model" -> inModel(json, token);
          default -> skipped(json);
        };
        if (id.isPresent()) {
          return id;
        }
      }
      return OptionalInt.empty();
    } catch (IOException e) {
      throw InputException.in(file, "not valid JSON");
    }
  }

  private static OptionalInt added(JsonParser json, String token) throws IOException {
    JsonNode all = JSON.readTree(json);
    for (JsonNode each : all) {
      if (each.path("content").asText().equals(token) && each.path("id").canConvertToInt()) {
        return OptionalInt.of(each.path("id").intValue());
      }
    }
    return OptionalInt.empty();
  }

  private static OptionalInt inModel(JsonParser json, String token) throws IOException {
    OptionalInt found = OptionalInt.empty();
    while (found.isEmpty() && json.nextToken() == JsonToken.FIELD_NAME) {
      String field = json.currentName();
      found = json.nextToken() == JsonToken.START_OBJECT && field.equals("vocab")
          ? inVocabulary(json, token)
          : skipped(json);
    }
    return found;
  }

  private static OptionalInt inVocabulary(JsonParser json, String token) throws IOException {
    while (json.nextToken() == JsonToken.FIELD_NAME) {
      String each = json.currentName();
      if (json.nextToken() == JsonToken.VALUE_NUMBER_INT && each.equals(token)) {
        return OptionalInt.of(json.getIntValue());
      }
    }
    return OptionalInt.empty();
  }

  private static OptionalInt skipped(JsonParser json) throws IOException {
    json.skipChildren();
    return OptionalInt.empty();
  }
}
