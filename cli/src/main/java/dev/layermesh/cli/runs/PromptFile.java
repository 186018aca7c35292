package dev.layermesh.cli.runs;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectReader;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.layermesh.cli.complete.ShortHash;
import dev.layermesh.decoding.InputException;
import dev.layermesh.decoding.TokenIds;
import dev.layermesh.tokenizer.ChatMessage;
import dev.layermesh.tokenizer.text.Prompt;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * A file of prompts, one JSON object a line, which holds {@code prompt}, {@code prompt_ids} or {@code turns}, and
 * whatever else: an {@code id} names it.
 */
public final class PromptFile {
  private static final ObjectReader READER =
      JsonMapper.builder().enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS).build().reader();

  /** A line that is not blank. */
  public sealed interface Line {

    /** Its place in the file. */
    Source source();

    /** Counted from 1. */
    default int number() {
      return source().number();
    }

    /** A line that holds a prompt. */
    sealed interface Asked extends Line {

      /** What to continue, by a model that has a chat template or none. */
      Prompt prompt(boolean chatTemplate);
    }

    /** Text or tokens, to be continued as they are. */
    record Plain(Source source, Prompt prompt) implements Asked {
      @Override
      public Prompt prompt(boolean chatTemplate) {
        return prompt;
      }
    }

    /** What a user says first. */
    record Turn(Source source, String text) implements Asked {
      @Override
      public Prompt prompt(boolean chatTemplate) {
        return chatTemplate
            ? new Prompt.Chat(List.of(new ChatMessage("user", text)))
            : new Prompt.Text(text);
      }
    }

    /**
     * A line that holds no prompt.
     *
     * @param why what is wrong with it
     */
    record Malformed(Source source, String why) implements Line {}
  }

  /**
   * The place of a line, and its id there.
   *
   * @param number counted from 1, blank lines too
   * @param text the whole line
   * @param id its {@code id}, any JSON, if it has one
   */
  record Source(int number, String text, Optional<JsonNode> id) {

    /** Tells whether it is still the same line. */
    String hash() {
      return ShortHash.of(text);
    }
  }

  private PromptFile() {}

  /**
   * The lines of a file.
   *
   * @throws InputException when there is no such file, or it is no text
   */
  public static List<Line> read(Path file) {
    List<String> texts = TextFile.read(file).lines().toList();
    var lines = new ArrayList<Line>();
    for (int i = 0; i < texts.size(); i++) {
      if (!texts.get(i).isBlank()) {
        lines.add(line(i + 1, texts.get(i)));
      }
    }
    return lines;
  }

  private static Line line(int number, String text) {
    JsonNode json;
    try {
      json = READER.readTree(text);
    } catch (JsonProcessingException e) {
      return new Line.Malformed(
          new Source(number, text, Optional.empty()), "not valid JSON: " + e.getOriginalMessage());
    }
    var source = new Source(number, text, Optional.ofNullable(json.get("id")).filter(id -> !id.isNull()));
    JsonNode prompt = json.path("prompt");
    JsonNode ids = json.path("prompt_ids");
    JsonNode turns = json.path("turns");
    if (prompt.isTextual()) {
      return new Line.Plain(source, new Prompt.Text(prompt.textValue()));
    }
    if (turns.isArray() && turns.path(0).isTextual()) {
      return new Line.Turn(source, turns.path(0).textValue());
    }
    return ids(ids)
        .<Line>map(known -> new Line.Plain(source, new Prompt.Ids(known)))
        .orElseGet(() -> new Line.Malformed(
            source, "must be an object with prompt (text), prompt_ids (token ids) or turns (texts)"));
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
