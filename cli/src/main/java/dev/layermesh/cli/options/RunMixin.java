package dev.layermesh.cli.options;

import dev.layermesh.decoding.InputException;
import java.nio.file.Path;
import java.util.Optional;
import picocli.CommandLine.Option;

/** How many prompts of a file are run, and where their results go. */
public final class RunMixin {
  private static final int DEFAULT_PARALLEL = 8;

  @Option(names = "--parallel", paramLabel = "N",
      description = "With --prompts: continue so many at a time (default: " + DEFAULT_PARALLEL + ").")
  private Integer parallel;

  @Option(names = "--out", paramLabel = "FILE",
      description = "With --prompts: write the results there, and continue where a file of the same prompts and "
          + "options ends (default: standard output).")
  private Path out;

  public int parallel() {
    if (parallel != null && parallel < 1) {
      throw InputException.of("--parallel", parallel, "must be 1 or more");
    }
    return parallel == null ? DEFAULT_PARALLEL : parallel;
  }

  /** Where the results go, if not to standard output. */
  public Optional<Path> out() {
    return Optional.ofNullable(out);
  }

  /** Refuses these options for a single prompt. */
  public void requireAbsent() {
    if (parallel != null) {
      throw InputException.of("--parallel", parallel, "needs --prompts FILE");
    }
    if (out != null) {
      throw InputException.of("--out", out, "needs --prompts FILE");
    }
  }
}
