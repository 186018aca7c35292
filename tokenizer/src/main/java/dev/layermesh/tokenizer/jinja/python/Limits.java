package dev.layermesh.tokenizer.jinja.python;

import java.time.Duration;

/**
 * What one rendering may use. A chat of 200 messages takes some 20,000 steps of Llama 3's template.
 *
 * @param steps nodes evaluated, items visited and, in units of 64, characters or items copied
 * @param units characters, and list items times eight, that may be made in all, as a bound on memory
 * @param textLength characters of one text
 * @param depth how deep nodes, calls and values may nest
 * @param time wall clock time
 */
public record Limits(long steps, long units, int textLength, int depth, Duration time) {
  private static final int UNITS_PER_HEAP = 48; // a unit takes 20 bytes at most: an item may be a dict of its own

  /** Limits for templates that are not trusted. A rendering fills less than half of the Java heap. */
  public static final Limits DEFAULT = new Limits(500_000_000,
      Math.min(128 << 20, Runtime.getRuntime().maxMemory() / UNITS_PER_HEAP), 16 << 20, 1000, Duration.ofSeconds(10));

  /** These limits with another bound on time. */
  public Limits within(Duration limit) {
    return new Limits(steps, units, textLength, depth, limit);
  }
}
