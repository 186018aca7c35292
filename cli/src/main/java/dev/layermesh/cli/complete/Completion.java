package dev.layermesh.cli.complete;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.layermesh.decoding.TokenIds;
import dev.layermesh.decoding.loop.DecodeStats;

/**
 * A completion that has ended.
 *
 * @param promptIds tokens of the prompt
 * @param tokenIds tokens after it, a final end-of-sequence token included
 * @param text of the tokens, without special ones
 * @param finishReason {@code stop}, {@code length} or {@code cancelled}
 * @param seed that decided the sampling
 * @param stats counters of the workers
 * @param timeToFirstTokenMillis from the start to the first token, model load excluded
 * @param tokensPerSecond tokens after the first, over the time after it; 0 when there was one at most
 */
public record Completion(
    TokenIds promptIds,
    TokenIds tokenIds,
    String text,
    String finishReason,
    long seed,
    DecodeStats stats,
    double timeToFirstTokenMillis,
    double tokensPerSecond) {

  /** What {@code generate --json} prints. */
  public ObjectNode toJson() {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    for (int id : promptIds.toArray()) {
      json.withArray("/prompt_ids").add(id);
    }
    json.withArray("/token_ids");
    for (int id : tokenIds.toArray()) {
      json.withArray("/token_ids").add(id);
    }
    return json
        .put("text", text)
        .put("finish_reason", finishReason)
        .put("seed", seed)
        .put("rounds", stats.rounds())
        .put("draft_tokens", stats.draftTokens())
        .put("accepted_tokens", stats.acceptedTokens())
        .put("acceptance_rate", rounded(stats.acceptanceRate()))
        .put("mean_acceptance_length", rounded(stats.meanAcceptanceLength()))
        .put("early_layer_rows", stats.earlyRows())
        .put("late_layer_rows", stats.lateRows())
        .put("ttft_ms", rounded(timeToFirstTokenMillis))
        .put("tokens_per_second", rounded(tokensPerSecond));
  }

  /** To three digits after the point. */
  public static double rounded(double value) {
    return Math.round(value * 1000) / 1000.0;
  }
}
