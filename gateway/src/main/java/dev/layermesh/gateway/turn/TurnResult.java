package dev.layermesh.gateway.turn;

import dev.layermesh.decoding.TokenIds;
import dev.layermesh.decoding.loop.DecodeStats;
import io.vertx.core.json.JsonObject;
import java.util.OptionalLong;

/**
 * How a turn ended and all it sent.
 *
 * @param finish why
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
    /** The client asked. */
    CANCELLED;

    public String word() {
      return switch (this) {
        case STOP -> "stop";
        case LENGTH -> "length";
        case CANCELLED -> "cancelled";
      };
    }
  }

  /** Usage in the words of the completions APIs. */
  public JsonObject completionUsage() {
    return new JsonObject()
        .put("prompt_tokens", promptTokens)
        .put("completion_tokens", ids.length())
        .put("total_tokens", promptTokens + ids.length());
  }

  /** Usage in the words of the responses API. */
  public JsonObject responseUsage() {
    return responseUsage(promptTokens, ids.length());
  }

  /** Usage of a response, also of one that failed. */
  public static JsonObject responseUsage(int input, int output) {
    return new JsonObject()
        .put("input_tokens", input)
        .put("input_tokens_details", new JsonObject().put("cached_tokens", 0))
        .put("output_tokens", output)
        .put("output_tokens_details", new JsonObject().put("reasoning_tokens", 0))
        .put("total_tokens", input + output);
  }

  /** The counters of {@code generate --json}. */
  public JsonObject speculation() {
    double decodeSeconds = (totalNanos - firstTokenNanos.orElse(totalNanos)) / 1e9;
    double perSecond = decodeSeconds > 0 ? Math.max(0, ids.length() - 1) / decodeSeconds : 0;
    return new JsonObject()
        .put("seed", seed)
        .put("rounds", stats.rounds())
        .put("draft_tokens", stats.draftTokens())
        .put("accepted_tokens", stats.acceptedTokens())
        .put("acceptance_rate", round3(stats.acceptanceRate()))
        .put("mean_acceptance_length", round3(stats.meanAcceptanceLength()))
        .put("early_layer_rows", stats.earlyRows())
        .put("late_layer_rows", stats.lateRows())
        .put("ttft_ms", round3(firstTokenNanos.orElse(totalNanos) / 1e6))
        .put("tokens_per_second", round3(perSecond));
  }

  private static double round3(double value) {
    return Math.round(value * 1000) / 1000.0;
  }
}
