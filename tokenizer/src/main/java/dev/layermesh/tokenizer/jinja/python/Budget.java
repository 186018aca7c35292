package dev.layermesh.tokenizer.jinja.python;

import java.util.function.BooleanSupplier;

/**
 * Counts what one rendering uses and ends it at its {@link Limits}. Belongs to the thread that renders; the stop signal
 * may be set by another.
 */
public final class Budget {
  private static final int UNITS_PER_STEP = 64;
  private static final int STEPS_PER_CHECK = 64;
  private static final int ITEM = 8; // bytes of a reference: a list item weighs as much as eight characters

  private final Limits limits;
  private final BooleanSupplier stopped;
  private final long started = System.nanoTime();
  private long steps;
  private long nextCheck = STEPS_PER_CHECK;
  private long units;
  private int depth;

  public Budget(Limits limits, BooleanSupplier stopped) {
    this.limits = limits;
    this.stopped = stopped;
  }

  public void step() {
    spend(1);
  }

  /** Charges work that is linear in a number of characters or items. */
  public void scan(long size) {
    spend(1 + size / UNITS_PER_STEP);
  }

  private void spend(long count) {
    steps += count;
    if (steps >= nextCheck) {
      check();
    }
  }

  private void check() {
    nextCheck = steps + STEPS_PER_CHECK;
    if (steps > limits.steps()) {
      throw JinjaException.limit("no end within " + limits.steps() + " steps");
    }
    if (System.nanoTime() - started > limits.time().toNanos()) {
      throw JinjaException.limit("no end within " + limits.time().toMillis() + " ms");
    }
    if (stopped.getAsBoolean()) {
      throw JinjaException.limit("closed meanwhile");
    }
  }

  /** Charges a text about to be made. */
  public void text(long length) {
    length(length);
    make(length);
  }

  /** Checks the length of a text that grows. */
  public void length(long length) {
    if (length > limits.textLength()) {
      throw JinjaException.limit("a text of " + length + " characters; at most " + limits.textLength());
    }
  }

  /** Charges a list about to be made. */
  public void items(long count) {
    make(Math.multiplyExact(Math.min(count, Integer.MAX_VALUE), ITEM));
  }

  /** Charges the digits of a large integer; other values are charged as they are made. */
  public void value(Value value) {
    if (value instanceof Value.Int integer && integer.value().bitLength() >= Long.SIZE) {
      make(integer.value().bitLength() / Byte.SIZE);
    }
  }

  private void make(long size) {
    units += size;
    if (units > limits.units()) {
      throw JinjaException.limit("it makes more than " + (limits.units() >> 20) + " MiB of text and lists");
    }
    scan(size);
  }

  public void enter() {
    if (++depth > limits.depth()) {
      throw new JinjaException("RecursionError", "maximum recursion depth exceeded");
    }
  }

  public void leave() {
    depth--;
  }
}
