package dev.layermesh.cli.options;

import dev.layermesh.decoding.WindowPolicy;
import java.util.List;
import java.util.Optional;
import picocli.CommandLine.Option;

/** How far to draft ahead. */
public final class WindowMixin {

  @Option(names = "--window", paramLabel = "K",
      description = "Tokens to draft in a round (default: 4, or 0 where neither the checkpoint nor --exit-layer names "
          + "the exit layer).")
  private Integer window;

  /** The window, if one was asked for. */
  public Optional<WindowPolicy> given() {
    return Optional.ofNullable(window).map(WindowPolicy::sequential);
  }

  /** The option, if it was given, as an argument for another process. */
  List<String> arguments() {
    return window == null ? List.of() : List.of("--window=" + window);
  }
}
