package dev.layermesh.cli.options;

import dev.layermesh.cli.process.Environment;
import dev.layermesh.decoding.InputException;
import dev.layermesh.decoding.TokenIds;
import dev.layermesh.tokenizer.text.Prompt;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Optional;
import picocli.CommandLine.Option;

/** The prompt: exactly one of its options is given. */
public final class PromptMixin {

  @Option(names = "--prompt", paramLabel = "TEXT",
      description = "The text to continue; - reads it from standard input.")
  private String text;

  @Option(names = "--prompt-ids", paramLabel = "ID", split = ",", description = "The tokens to continue: 1,2,3.")
  private int[] ids;

  @Option(names = "--prompts", paramLabel = "FILE",
      description = "Many prompts, one JSON object a line, as correctness reads them; see --parallel and --out.")
  private Path file;

  /** The file of prompts, if it was given. */
  public Optional<Path> file() {
    return Optional.ofNullable(file);
  }

  /** The one prompt. */
  public Prompt prompt(Environment environment) {
    if (ids != null) {
      try {
        return new Prompt.Ids(TokenIds.of(ids));
      } catch (InputException negative) {
        throw negative.foundIn("--prompt-ids");
      }
    }
    return new Prompt.Text(text.equals("-") ? read(environment.stdin()) : text);
  }

  private static String read(InputStream stdin) {
    try {
      return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(stdin.readAllBytes())).toString();
    } catch (CharacterCodingException e) {
      throw InputException.of("--prompt", "-", "standard input must be UTF-8");
    } catch (IOException e) {
      throw new UncheckedIOException("standard input: " + e.getMessage(), e);
    }
  }
}
