package dev.layermesh.engine.checkpoint;

import dev.layermesh.decoding.InputException;
import dev.layermesh.engine.json.JsonFields;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * The small files of a checkpoint: what a process without weights needs to tokenize for it.
 *
 * @param contents bytes by file name; only files that exist. Not to be written to
 */
public record ModelFiles(SortedMap<String, byte[]> contents) {
  static final String TOKENIZER_JSON = "tokenizer.json";
  static final String TOKENIZER_CONFIG = "tokenizer_config.json";
  static final String CHAT_TEMPLATE = "chat_template.jinja";
  static final String CONFIG_JSON = "config.json";
  static final List<String> TOKENIZER = List.of(
      TOKENIZER_JSON, TOKENIZER_CONFIG, "special_tokens_map.json", CHAT_TEMPLATE);

  private static final List<String> CONFIG = List.of(CONFIG_JSON, "generation_config.json");

  public ModelFiles {
    contents = Collections.unmodifiableSortedMap(new TreeMap<>(contents));
  }

  /**
   * Those of a checkpoint, a folder or a GGUF file, without opening its weights.
   *
   * @throws InputException naming file, field and value
   */
  public static ModelFiles read(Path model) {
    if (Files.isDirectory(model)) {
      return inFolder(model);
    }
    try (Checkpoint checkpoint = Checkpoint.open(model)) {
      return checkpoint.files();
    }
  }

  /** Those of {@code folder} that exist. */
  static ModelFiles inFolder(Path folder) {
    SortedMap<String, byte[]> contents = new TreeMap<>();
    for (String name : Stream.concat(CONFIG.stream(), TOKENIZER.stream()).toList()) {
      Path file = folder.resolve(name);
      try {
        if (Files.exists(file)) {
          contents.put(name, Files.readAllBytes(file));
        }
      } catch (IOException e) {
        throw InputException.in(file, "cannot be read: " + e);
      }
    }
    return new ModelFiles(contents);
  }

  /**
   * How a conversation is rendered, if the model says: {@code chat_template.jinja}, else {@code chat_template} of
   * {@code tokenizer_config.json}, of several the one named default.
   *
   * @param source what messages name
   */
  Optional<String> chatTemplate(Path source) {
    byte[] file = contents.get(CHAT_TEMPLATE);
    if (file != null) {
      return Optional.of(new String(file, StandardCharsets.UTF_8));
    }
    return Optional.ofNullable(contents.get(TOKENIZER_CONFIG))
        .flatMap(bytes -> JsonFields.parse(source.resolve(TOKENIZER_CONFIG), bytes).named("chat_template", "template"));
  }
}
