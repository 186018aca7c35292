package dev.layermesh.cli.runs;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectReader;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.charset.StandardCharsets;
import java.util.Optional;

/**
 * A result of an earlier run, read back from its file.
 *
 * @param line number of its line in the file of prompts
 * @param lineHash hash of that line
 * @param kind what had become of it
 * @param settings of the run that made it
 */
record EarlierResult(int line, String lineHash, Kind kind, ObjectNode settings) {
  private static final ObjectReader READER =
      JsonMapper.builder().enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS).build().reader();
  private static final String BEGINNING = "{\"line\":";

  /** What became of a line, see {@link PromptResult}. */
  enum Kind { FINISHED, FAILED, SKIPPED }

  /** The result that a line of a file holds; empty when it is none. */
  static Optional<EarlierResult> parse(byte[] utf8) {
    try {
      JsonNode json = READER.readTree(new String(utf8, StandardCharsets.UTF_8));
      return json.path("line").isInt()
          && json.path("line_hash").isTextual()
          && json.path("settings") instanceof ObjectNode settings
              ? kind(json).map(kind -> new EarlierResult(json.path("line").intValue(),
                  json.path("line_hash").textValue(), kind, settings))
              : Optional.empty();
    } catch (JsonProcessingException e) {
      return Optional.empty();
    }
  }

  /** The same, keeping one copy of settings that are equal. */
  EarlierResult sharing(ObjectNode others) {
    return settings.equals(others) ? new EarlierResult(line, lineHash, kind, others) : this;
  }

  private static Optional<Kind> kind(JsonNode json) {
    if (json.path("error").isTextual()) {
      return Optional.of(Kind.FAILED);
    }
    if (json.path("skipped").isTextual()) {
      return Optional.of(Kind.SKIPPED);
    }
    return json.path("token_ids").isArray() ? Optional.of(Kind.FINISHED) : Optional.empty();
  }

  /** Whether bytes at the end of a file may be a result that was cut off while it was written. */
  static boolean mayBegin(byte[] utf8) {
    String text = new String(utf8, StandardCharsets.UTF_8);
    return text.startsWith(BEGINNING) || BEGINNING.startsWith(text);
  }
}
