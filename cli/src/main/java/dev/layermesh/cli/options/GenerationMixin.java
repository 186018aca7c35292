package dev.layermesh.cli.options;

import dev.layermesh.cli.complete.CompletionRequest;
import dev.layermesh.cli.complete.Prompt;
import dev.layermesh.decoding.InputException;
import dev.layermesh.decoding.WindowPolicy;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** How much to generate, how to choose tokens, and how far ahead to draft. */
public final class GenerationMixin {

  @Option(names = "--window", paramLabel = "K", defaultValue = "4",
      description = "Tokens to draft in a round (default: ${DEFAULT-VALUE}).")
  private int window;

  @Option(names = "--max-tokens", paramLabel = "N", defaultValue = "128",
      description = "Stop after so many tokens (default: ${DEFAULT-VALUE}).")
  private int maxTokens;

  @Option(names = "--ignore-eos", description = "Go on after an end-of-sequence token.")
  private boolean ignoreEos;

  @Mixin
  private SamplingMixin sampling;

  /** The request for a prompt; asks for room for one token. */
  public CompletionRequest request(Prompt prompt) {
    return request(prompt, 1);
  }

  /** The request for a prompt that must leave some room in the context. */
  CompletionRequest request(Prompt prompt, int room) {
    return new CompletionRequest(
        prompt, sampling.params(), WindowPolicy.sequential(window), maxTokens(), ignoreEos, room);
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
