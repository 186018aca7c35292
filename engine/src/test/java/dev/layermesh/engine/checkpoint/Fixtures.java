package dev.layermesh.engine.checkpoint;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;

/** The checkpoints in the repository, and copies of them that a test may damage. */
public final class Fixtures {
  private static final Path ROOT = Path.of(System.getProperty("layermesh.root"));

  /** Llama 2 shape: as many key/value heads as heads, untied head, F32, one file. */
  public static final Path LLAMA2 = ROOT.resolve("testkit/fixtures/tiny-llama2-mha-untied-f32");

  /** Llama 3 shape: grouped queries, tied head, BF16, scaled rope, three shards. */
  public static final Path LLAMA3 = ROOT.resolve("testkit/fixtures/tiny-llama3-gqa-tied-bf16");

  /** The bundled model: config of transformers 5, explicit head_dim, exit_layer. */
  public static final Path BUNDLED = ROOT.resolve("models/layerskip-shakespeare");

  private Fixtures() {}

  /** All of them. */
  public static Stream<Path> all() {
    return Stream.of(LLAMA2, LLAMA3, BUNDLED);
  }

  /** A copy of {@code model} in {@code into}, without the golden references. */
  public static Path copy(Path model, Path into) {
    try (Stream<Path> files = Files.list(model)) {
      Path copy = Files.createDirectories(into.resolve(model.getFileName()));
      for (Path file : files.filter(each -> !each.getFileName().toString().startsWith("golden")).toList()) {
        Files.copy(file, copy.resolve(file.getFileName()));
      }
      return copy;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Replaces {@code part}, which must be there, in a text file. */
  public static void edit(Path file, String part, String replacement) {
    try {
      String text = Files.readString(file);
      if (!text.contains(part)) {
        throw new IllegalStateException(file + " does not hold " + part);
      }
      Files.writeString(file, text.replace(part, replacement));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
