package dev.layermesh.engine.model;

import dev.layermesh.decoding.InputException;
import dev.layermesh.decoding.TokenIds;
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
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * The small files of a checkpoint: all that a process without weights needs to turn text into tokens for it.
 *
 * @param contents bytes by file name; only files that exist; callers must not write to them
 */
public record ModelFiles(SortedMap<String, byte[]> contents) {
  public static final String TOKENIZER_JSON = "tokenizer.json";
  public static final String TOKENIZER_CONFIG = "tokenizer_config.json";
  public static final String CHAT_TEMPLATE = "chat_template.jinja";
  public static final String CONFIG_JSON = "config.json";
  public static final List<String> TOKENIZER = List.of(
      TOKENIZER_JSON, TOKENIZER_CONFIG, "special_tokens_map.json", CHAT_TEMPLATE);

  private static final String GENERATION_CONFIG = "generation_config.json";
  private static final List<String> CONFIG = List.of(CONFIG_JSON, GENERATION_CONFIG);
  private static final String EOS = "eos_token_id";

  public ModelFiles {
    contents = Collections.unmodifiableSortedMap(new TreeMap<>(contents));
  }

  /** The files of {@code folder} that exist. */
  public static ModelFiles inFolder(Path folder) {
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
   * These files with {@code eosIds} as the {@code eos_token_id} of {@code generation_config.json}, unless the files
   * name these ids already. A process without weights then ends a generation where the engine ends it.
   *
   * @param source the folder or file, for messages
   */
  public ModelFiles endingAt(TokenIds eosIds, Path source) {
    List<Integer> ids = IntStream.of(eosIds.toArray()).boxed().toList();
    Optional<JsonFields> generation = fields(source, GENERATION_CONFIG);
    Optional<JsonFields> speaking = generation.filter(it -> it.has(EOS)).or(() -> fields(source, CONFIG_JSON));
    if (speaking.map(it -> it.integers(EOS)).orElse(List.of()).equals(ids)) {
      return this;
    }
    SortedMap<String, byte[]> changed = new TreeMap<>(contents);
    changed.put(GENERATION_CONFIG,
        generation.map(it -> it.with(EOS, ids)).orElseGet(() -> JsonFields.object(EOS, ids)));
    return new ModelFiles(changed);
  }

  private Optional<JsonFields> fields(Path source, String name) {
    return Optional.ofNullable(contents.get(name)).map(bytes -> JsonFields.parse(source.resolve(name), bytes));
  }

  /**
   * The chat template, if the model has one: {@code chat_template.jinja}, else {@code chat_template} of
   * {@code tokenizer_config.json}, else the template named default of a list.
   *
   * @param source the folder or file, for messages
   */
  public Optional<String> chatTemplate(Path source) {
    byte[] file = contents.get(CHAT_TEMPLATE);
    if (file != null) {
      return Optional.of(new String(file, StandardCharsets.UTF_8));
    }
    return fields(source, TOKENIZER_CONFIG).flatMap(config -> config.named("chat_template", "template"));
  }
}
