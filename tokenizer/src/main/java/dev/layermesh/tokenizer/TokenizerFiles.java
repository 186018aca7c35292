package dev.layermesh.tokenizer;

import dev.layermesh.decoding.InputException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;

/**
 * The files of a checkpoint that deal with text, as bytes by name: read from a folder, or fetched from a worker by a
 * process that has no checkpoint. The bytes must not be changed afterwards.
 *
 * @param source what error messages name: the folder, or the worker that sent them
 * @param content the bytes of each file by its name in the checkpoint folder
 */
public record TokenizerFiles(String source, Map<String, byte[]> content) {
  static final String TOKENIZER = "tokenizer.json";
  static final String TOKENIZER_CONFIG = "tokenizer_config.json";
  static final String SPECIAL_TOKENS_MAP = "special_tokens_map.json";
  static final String CHAT_TEMPLATE = "chat_template.jinja";

  /** The names that {@link #read} looks for, and all that a process without a checkpoint has to fetch. */
  public static final List<String> NAMES = List.of(
      TOKENIZER, TOKENIZER_CONFIG, SPECIAL_TOKENS_MAP, CHAT_TEMPLATE, "generation_config.json", "config.json");

  public TokenizerFiles {
    Objects.requireNonNull(source, "source");
    content = Map.copyOf(content);
  }

  /** Those of {@link #NAMES} that exist in a checkpoint folder. */
  public static TokenizerFiles read(Path folder) {
    if (!Files.isDirectory(folder)) {
      throw InputException.in(folder, "not a checkpoint folder; give the folder that holds " + TOKENIZER);
    }
    Map<String, byte[]> content = new HashMap<>();
    for (String name : NAMES) {
      Path file = folder.resolve(name);
      if (Files.exists(file)) {
        content.put(name, bytes(file));
      }
    }
    return new TokenizerFiles(folder.toString(), content);
  }

  private static byte[] bytes(Path file) {
    try {
      return Files.readAllBytes(file);
    } catch (IOException e) {
      throw InputException.in(file, "cannot be read: " + e);
    }
  }

  /** The bytes of a file, if it is in the set. */
  public Optional<byte[]> find(String name) {
    return Optional.ofNullable(content.get(name));
  }

  /** These files without one of them. */
  public TokenizerFiles without(String name) {
    var rest = new HashMap<>(content);
    rest.remove(name);
    return new TokenizerFiles(source, rest);
  }

  /** The path of a file of this set, for error messages. */
  String path(String name) {
    return source + "/" + name;
  }
}
