package dev.layermesh.engine.checkpoint;

import dev.layermesh.decoding.InputException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * The small files of a checkpoint: what a process without weights needs to tokenize for it.
 *
 * @param contents bytes by file name; only files that exist. Not to be written to
 */
public record ModelFiles(SortedMap<String, byte[]> contents) {
  static final List<String> TOKENIZER = List.of("tokenizer.json", "tokenizer_config.json", "chat_template.jinja");

  private static final List<String> CONFIG = List.of("config.json", "generation_config.json");

  public ModelFiles {
    contents = Collections.unmodifiableSortedMap(new TreeMap<>(contents));
  }

  /** Those of {@code folder} that exist. */
  public static ModelFiles read(Path folder) {
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
}
