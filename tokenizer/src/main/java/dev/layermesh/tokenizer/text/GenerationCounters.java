package dev.layermesh.tokenizer.text;

import dev.layermesh.decoding.loop.DecodeStats;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.Function;

/**
 * The counters of a generation, under the names that {@code generate --json}, files of results and the gateway's
 * {@code speculation} objects share.
 *
 * @param stats counters of the session
 * @param timeToFirstTokenMillis from the start of the request to its first token
 * @param tokensPerSecond tokens after the first, over the time after it; 0 when there was one at most
 */
public record GenerationCounters(DecodeStats stats, double timeToFirstTokenMillis, double tokensPerSecond) {

  /**
   * Counters of a generation that has ended.
   *
   * @param tokens tokens of the answer
   * @param firstTokenNanos from the start to the first token; empty if there was none
   * @param totalNanos from the start to the end
   */
  public static GenerationCounters of(DecodeStats stats, int tokens, OptionalLong firstTokenNanos, long totalNanos) {
    long first = firstTokenNanos.orElse(totalNanos);
    double decodeSeconds = (totalNanos - first) / 1e9;
    double perSecond = decodeSeconds > 0 ? Math.max(0, tokens - 1) / decodeSeconds : 0;
    return new GenerationCounters(stats, first / 1e6, perSecond);
  }

  /**
   * Reads what {@link #toMap} wrote; a counter that is absent is 0.
   *
   * @param values the value of a name
   */
  public static GenerationCounters read(Function<String, Optional<Number>> values) {
    Function<String, Number> value = name -> values.apply(name).orElse(0);
    var stats = new DecodeStats(
        value.apply("rounds").intValue(),
        value.apply("draft_tokens").longValue(),
        value.apply("accepted_tokens").longValue(),
        value.apply("early_layer_rows").longValue(),
        value.apply("late_layer_rows").longValue());
    return new GenerationCounters(
        stats, value.apply("ttft_ms").doubleValue(), value.apply("tokens_per_second").doubleValue());
  }

  /** The counters by name, in the order in which they are shown; fractions have three digits. */
  public Map<String, Number> toMap() {
    var map = new LinkedHashMap<String, Number>();
    map.put("rounds", stats.rounds());
    map.put("draft_tokens", stats.draftTokens());
    map.put("accepted_tokens", stats.acceptedTokens());
    map.put("acceptance_rate", rounded(stats.acceptanceRate()));
    map.put("mean_acceptance_length", rounded(stats.meanAcceptanceLength()));
    map.put("early_layer_rows", stats.earlyRows());
    map.put("late_layer_rows", stats.lateRows());
    map.put("ttft_ms", rounded(timeToFirstTokenMillis));
    map.put("tokens_per_second", rounded(tokensPerSecond));
    return map;
  }

  /** To three digits after the point. */
  public static double rounded(double value) {
    return Math.round(value * 1000) / 1000.0;
  }
}
