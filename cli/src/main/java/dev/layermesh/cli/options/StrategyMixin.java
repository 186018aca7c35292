package dev.layermesh.cli.options;

import dev.layermesh.cli.complete.CompletionRequest;
import dev.layermesh.decoding.WindowPolicy;
import java.util.Locale;
import picocli.CommandLine.Option;

/** Whether to draft at all. */
final class StrategyMixin {

  /** Ways to decode, by the names of the command line. */
  enum Strategy {
    AUTOREGRESSIVE,
    SELF_SPECULATIVE;

    @Override
    public String toString() {
      return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }
  }

  @Option(names = "--strategy", paramLabel = "NAME", defaultValue = "self-speculative",
      description = "self-speculative or autoregressive: same tokens, another speed (default: ${DEFAULT-VALUE}).")
  private Strategy strategy;

  boolean drafts() {
    return strategy == Strategy.SELF_SPECULATIVE;
  }

  /** A request decoded in this way. */
  CompletionRequest applyTo(CompletionRequest request) {
    return switch (strategy) {
      case AUTOREGRESSIVE -> request.withWindow(WindowPolicy.AUTOREGRESSIVE);
      case SELF_SPECULATIVE -> request;
    };
  }
}
