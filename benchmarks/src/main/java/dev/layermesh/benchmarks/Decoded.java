package dev.layermesh.benchmarks;

import dev.layermesh.decoding.TokenIds;
import dev.layermesh.decoding.loop.DecodeStats;
import java.util.List;

/**
 * A session's tokens, and when they were committed.
 *
 * @param tokens the continuation
 * @param stats the loop's counters
 * @param beats when tokens were committed, in order
 * @param draftSeconds the part of {@link #seconds()} that drafting took
 */
record Decoded(TokenIds tokens, DecodeStats stats, List<Beat> beats, double draftSeconds) {

  /** Tokens committed at one moment of {@link System#nanoTime()}'s clock. */
  record Beat(long nanos, int tokens) {}

  /** When the first token was committed. */
  long firstNanos() {
    return beats.getFirst().nanos();
  }

  /** When the last was. */
  long lastNanos() {
    return beats.getLast().nanos();
  }

  /** Time from the first token to the last. */
  double seconds() {
    return (lastNanos() - firstNanos()) / 1e9;
  }

  /** Tokens committed in {@link #seconds()}: all but those of the first beat. */
  int timedTokens() {
    return tokensWithin(firstNanos(), lastNanos());
  }

  /** Tokens committed after {@code from} and not after {@code to}. */
  int tokensWithin(long from, long to) {
    return beats.stream().filter(beat -> beat.nanos() > from && beat.nanos() <= to).mapToInt(Beat::tokens).sum();
  }
}
