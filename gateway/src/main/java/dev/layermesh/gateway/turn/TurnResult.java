package dev.layermesh.gateway.turn;

import dev.layermesh.decoding.TokenIds;
import dev.layermesh.decoding.loop.DecodeStats;
import dev.layermesh.tokenizer.text.GenerationCounters;
import java.util.OptionalLong;

/**
 * The result of a turn.
 *
 * @param finish why the turn ended
 * @param text the whole text
 * @param ids the tokens the client got, a final end-of-sequence token included
 * @param promptTokens tokens of the prompt
 * @param seed that decided the sampling
 * @param stats counters of the workers
 * @param firstTokenNanos from the start of the turn to its first token; empty if there was none
 * @param totalNanos from the start of the turn to its end
 */
public record TurnResult(
    FinishReason finish,
    String text,
    TokenIds ids,
    int promptTokens,
    long seed,
    DecodeStats stats,
    OptionalLong firstTokenNanos,
    long totalNanos) {

  /** Why a turn ended. */
  public enum FinishReason {
    /** End of sequence or a stop string. */
    STOP,
    /** The token limit or the end of the context. */
    LENGTH,
    /** The client cancelled. */
    CANCELLED;

    public String word() {
      return switch (this) {
        case STOP -> "stop";
        case LENGTH -> "length";
        case CANCELLED -> "cancelled";
      };
    }
  }

  /** The counters of the generation. */
  public GenerationCounters counters() {
    return GenerationCounters.of(stats, ids.length(), firstTokenNanos, totalNanos);
  }
}
