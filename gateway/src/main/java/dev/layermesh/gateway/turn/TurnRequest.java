package dev.layermesh.gateway.turn;

import dev.layermesh.decoding.AcceptanceRule;
import dev.layermesh.decoding.SamplingParams;
import dev.layermesh.tokenizer.GenerationDefaults;
import dev.layermesh.tokenizer.text.Prompt;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * A request for text, from any protocol.
 *
 * @param model the name asked for
 * @param prompt what to continue
 * @param promptField the request field of the prompt, for errors
 * @param maxTokens the most tokens; empty allows all of the context
 * @param sampling how to choose tokens, as far as the request says
 * @param stops strings that end the text and are not part of it
 * @param ignoreEos whether the answer continues after an end-of-sequence token
 * @param window draft tokens in a window
 * @param output what to report, and how
 */
public record TurnRequest(
    Optional<String> model,
    Prompt prompt,
    String promptField,
    OptionalInt maxTokens,
    Sampling sampling,
    List<String> stops,
    boolean ignoreEos,
    OptionalInt window,
    Output output) {

  /**
   * How to choose tokens.
   *
   * @param named the values the request names
   * @param seed of all noise
   * @param acceptance the rule that accepts draft tokens
   */
  public record Sampling(GenerationDefaults named, long seed, AcceptanceRule acceptance) {
    private static final double TEMPERATURE = 1; // of OpenAI's APIs

    /** The values of the request; where it names none, those of {@code defaults}. */
    SamplingParams or(GenerationDefaults defaults) {
      return named.or(defaults).sampling(TEMPERATURE, seed, acceptance);
    }
  }

  /**
   * What to report, and how.
   *
   * @param stream whether the answer is sent in pieces
   * @param includeUsage whether a stream ends with a chunk of usage
   * @param tokenIds whether ids are sent with the text
   * @param speculation whether drafts are sent with every piece
   */
  public record Output(boolean stream, boolean includeUsage, boolean tokenIds, boolean speculation) {}
}
