package dev.layermesh.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectReader;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.layermesh.decoding.InputException;
import dev.layermesh.decoding.TokenIds;
import java.io.IOException;
import java.nio.charset.MalformedInputException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** A file of prompts, one JSON object a line, which holds {@code prompt}, {@code prompt_ids} or {@code turns}. */
final class PromptFile {
  private static final ObjectReader READER =
      JsonMapper.builder().enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS).build().reader();

  /** A line that is not blank. */
  sealed interface Line {

    /** Counted from 1. */
    int number();

    /** Text or tokens, to be continued as they stand. */
    record Plain(int number, Prompt prompt) implements Line {}

    /** What a user says first. */
    record Turn(int number, String text) implements Line {}

    record Malformed(int number, String why) implements Line {}
  }

  private PromptFile() {}

  /**
   * The lines of a file.
   *
   * @throws InputException when there is no such file, or it is no text
   */
  static List<Line> read(Path file) {
    if (!Files.isRegularFile(file)) {
      throw InputException.in(file, "no such file");
    }
    try {
      List<String> texts = Files.readAllLines(file);
      var lines = new ArrayList<Line>();
      for (int i = 0; i < texts.size(); i++) {
        if (!texts.get(i).isBlank()) {
          lines.add(line(i + 1, texts.get(i)));
        }
      }
      return lines;
    } catch (MalformedInputException e) {
      throw InputException.in(file, "must be UTF-8");
    } catch (IOException e) {
      throw InputException.in(file, "cannot be read: " + e.getMessage());
    }
  }

  private static Line line(int number, String text) {
    JsonNode json;
    try {
      json = READER.readTree(text);
    } catch (JsonProcessingException e) {
      return new Line.Malformed(number, "not valid JSON: " + e.getOriginalMessage());
    }
    JsonNode prompt = json.path("prompt");
    JsonNode ids = json.path("prompt_ids");
    JsonNode turns = json.path("turns");
    if (prompt.isTextual()) {
      return new Line.Plain(number, new Prompt.Text(prompt.textValue()));
    }
    if (turns.isArray() && turns.path(0).isTextual()) {
      return new Line.Turn(number, turns.path(0).textValue());
    }
    return ids(ids)
        .<Line>map(known -> new Line.Plain(number, new Prompt.Ids(known)))
        .orElseGet(() -> new Line.Malformed(
            number, "must be an object with prompt (text), prompt_ids (token ids) or turns (texts)"));
  }

  private static Optional<TokenIds> ids(JsonNode list) {
    if (!list.isArray() || list.isEmpty()) {
      return Optional.empty();
    }
    int[] ids = new int[list.size()];
    for (int i = 0; i < ids.length; i++) {
      JsonNode id = list.get(i);
      if (!id.canConvertToInt() || !id.isIntegralNumber() || id.intValue() < 0) {
        return Optional.empty();
      }
      ids[i] = id.intValue();
    }
    return Optional.of(TokenIds.of(ids));
  }
}
