package dev.layermesh.cli.runs;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import dev.layermesh.decoding.loop.DecodeStats;
import dev.layermesh.tokenizer.text.GenerationCounters;
import java.util.Locale;

/** What a run has done so far. Owned by one thread. */
final class RunTally {
  private final long total;
  private final long startedNanos;
  private long earlier;
  private long finished;
  private long failed;
  private long skipped;
  private long tokens;
  private DecodeStats stats = DecodeStats.NONE;

  /** Of some prompts, from now on. */
  RunTally(long total) {
    this.total = total;
    this.startedNanos = System.nanoTime();
  }

  /** An earlier run had done a line. */
  void found(EarlierResult.Kind kind) {
    switch (kind) {
      case FINISHED -> earlier++;
      case FAILED -> failed++;
      case SKIPPED -> skipped++;
    }
  }

  void add(PromptResult result) {
    switch (result) {
      case PromptResult.Finished one -> {
        finished++;
        tokens += one.completion().tokenIds().length();
        stats = stats.plus(one.completion().stats());
      }
      case PromptResult.Failed one -> failed++;
      case PromptResult.Skipped one -> skipped++;
    }
  }

  /** Prompts that need no more work. */
  long done() {
    return earlier + finished + failed;
  }

  long total() {
    return total;
  }

  boolean anyFailed() {
    return failed > 0;
  }

  double tokensPerSecond() {
    return tokens / Math.max(1e-9, (System.nanoTime() - startedNanos) / 1e9);
  }

  String summary() {
    return String.format(
        Locale.ROOT,
        "%d prompts%s, %d tokens, %.1f tokens/s: %d failed, %d skipped%s; "
            + "acceptance rate %.3f, mean acceptance length %.3f",
        finished, earlier == 0 ? "" : " (and " + earlier + " before)", tokens, tokensPerSecond(), failed, skipped,
        done() == total ? "" : ", " + (total - done()) + " left",
        stats.acceptanceRate(), stats.meanAcceptanceLength());
  }

  String json() {
    return JsonNodeFactory.instance.objectNode()
        .put("prompts", finished)
        .put("prompts_before", earlier)
        .put("prompts_left", total - done())
        .put("failed", failed)
        .put("skipped", skipped)
        .put("tokens", tokens)
        .put("tokens_per_second", GenerationCounters.rounded(tokensPerSecond()))
        .put("acceptance_rate", GenerationCounters.rounded(stats.acceptanceRate()))
        .put("mean_acceptance_length", GenerationCounters.rounded(stats.meanAcceptanceLength()))
        .toString();
  }
}
