package dev.layermesh.tokenizer;

import dev.layermesh.decoding.InputException;
import java.util.List;

/** Texts that end a stream and are not part of it; none at all is allowed, an empty one is not. */
public record StopStrings(List<String> texts) {
  public StopStrings {
    texts = List.copyOf(texts);
    for (int i = 0; i < texts.size(); i++) {
      if (texts.get(i).isEmpty()) {
        throw InputException.of("stop[" + i + "]", "\"\"", "a stop string has at least one character");
      }
    }
  }

  /** The stop strings given. */
  public static StopStrings of(String... texts) {
    return new StopStrings(List.of(texts));
  }

  /** No stop string. */
  public static StopStrings none() {
    return of();
  }
}
