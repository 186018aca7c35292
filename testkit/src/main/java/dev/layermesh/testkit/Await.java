package dev.layermesh.testkit;

import java.time.Duration;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;

/** Waits for a condition with a deadline, in place of sleeping. */
public final class Await {
  private static final long POLL_NANOS = 1_000_000;

  private Await() {}

  /**
   * Returns as soon as {@code condition} holds, looking every millisecond.
   *
   * @param what the condition in words, for the error
   * @throws AssertionError when it does not hold within {@code limit}
   */
  public static void until(String what, Duration limit, BooleanSupplier condition) {
    long start = System.nanoTime();
    while (!condition.getAsBoolean()) {
      if (System.nanoTime() - start > limit.toNanos()) {
        throw new AssertionError("not within " + limit.toMillis() + " ms: " + what);
      }
      LockSupport.parkNanos(POLL_NANOS);
    }
  }
}
