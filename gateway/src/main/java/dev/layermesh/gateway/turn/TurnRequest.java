package dev.layermesh.gateway.turn;

import dev.layermesh.decoding.SamplingParams;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * A request for text, whatever protocol it came by.
 *
 * @param model the name asked for
 * @param prompt what to continue
 * @param promptField the request field the prompt stood in, for errors about it
 * @param maxTokens at most so many tokens, else to the end of the context
 * @param sampling how to choose tokens
 * @param stops strings that end the text and are not part of it
 * @param ignoreEos go on after an end-of-sequence token
 * @param window draft tokens in a window
 * @param output what to report, and how
 */
public record TurnRequest(
    Optional<String> model,
    Prompt prompt,
    String promptField,
    OptionalInt maxTokens,
    SamplingParams sampling,
    List<String> stops,
    boolean ignoreEos,
    OptionalInt window,
    Output output) {

  /**
   * What to report, and how.
   *
   * @param stream piece by piece
   * @param includeUsage a chunk with usage at the end of a stream
   * @param tokenIds the ids with the text
   * @param speculation what was drafted, with every piece
   */
  public record Output(boolean stream, boolean includeUsage, boolean tokenIds, boolean speculation) {}
}
