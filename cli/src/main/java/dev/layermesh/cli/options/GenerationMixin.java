package dev.layermesh.cli.options;

import dev.layermesh.cli.complete.CompletionRequest;
import dev.layermesh.decoding.InputException;
import dev.layermesh.decoding.WindowPolicy;
import dev.layermesh.tokenizer.GenerationDefaults;
import dev.layermesh.tokenizer.text.Prompt;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** How much to generate, how to choose tokens, and how far ahead to draft. */
public final class GenerationMixin {

  @Mixin
  private WindowMixin window;

  @Option(names = "--max-tokens", paramLabel = "N", defaultValue = "128",
      description = "Stop after so many tokens (default: ${DEFAULT-VALUE}).")
  private int maxTokens;

  @Option(names = "--ignore-eos", description = "Continue after an end-of-sequence token.")
  private boolean ignoreEos;

  @Mixin
  private SamplingMixin sampling;

  /**
   * The request for a prompt.
   *
   * @param room tokens that the prompt must leave in the context
   * @param usual the window unless one was asked for
   * @param defaults sampling values unless they were asked for
   */
  public CompletionRequest request(Prompt prompt, int room, WindowPolicy usual, GenerationDefaults defaults) {
    return new CompletionRequest(
        prompt, sampling.params(defaults), window.given().orElse(usual), maxTokens(), ignoreEos, room);
  }

  /** Whether a window was asked for. */
  boolean windowGiven() {
    return window.given().isPresent();
  }

  /** Refuses what makes tokens depend on what was drafted: two runs could differ and both be right. */
  public void requireReproducible() {
    sampling.requireReproducible();
  }

  boolean seedGiven() {
    return sampling.seedGiven();
  }

  int maxTokens() {
    if (maxTokens < 1) {
      throw InputException.of("--max-tokens", maxTokens, "must be 1 or more");
    }
    return maxTokens;
  }
}
