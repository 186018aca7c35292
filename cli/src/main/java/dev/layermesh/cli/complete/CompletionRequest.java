package dev.layermesh.cli.complete;

import dev.layermesh.decoding.SamplingParams;
import dev.layermesh.decoding.WindowPolicy;
import dev.layermesh.tokenizer.text.Prompt;

/**
 * A completion to make.
 *
 * @param prompt what to continue
 * @param sampling how to choose tokens
 * @param window how far to draft ahead
 * @param maxTokens at most so many tokens
 * @param ignoreEos whether to continue after an end-of-sequence token
 * @param room tokens the context must have left for the answer, at least 1
 */
public record CompletionRequest(
    Prompt prompt, SamplingParams sampling, WindowPolicy window, int maxTokens, boolean ignoreEos, int room) {

  /** The same for another prompt, with a seed of its own. */
  public CompletionRequest of(Prompt other, long seed) {
    var reseeded = new SamplingParams(
        sampling.temperature(), sampling.topK(), sampling.topP(), seed, sampling.acceptance());
    return new CompletionRequest(other, reseeded, window, maxTokens, ignoreEos, room);
  }

  public CompletionRequest withWindow(WindowPolicy other) {
    return new CompletionRequest(prompt, sampling, other, maxTokens, ignoreEos, room);
  }
}
