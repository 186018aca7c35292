package dev.layermesh.cli.runs;

import dev.layermesh.decoding.InputException;
import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.Path;

/** A file of text that a user names. */
public final class TextFile {
  private TextFile() {}

  /**
   * All of it.
   *
   * @throws InputException when there is no such file, or it is no text in UTF-8
   */
  public static String read(Path file) {
    if (!Files.isRegularFile(file)) {
      throw InputException.in(file, "no such file");
    }
    try {
      return Files.readString(file);
    } catch (CharacterCodingException e) {
      throw InputException.in(file, "must be UTF-8");
    } catch (IOException e) {
      throw InputException.in(file, "cannot be read: " + e.getMessage());
    }
  }
}
