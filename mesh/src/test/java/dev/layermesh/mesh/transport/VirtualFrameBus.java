package dev.layermesh.mesh.transport;

import dev.layermesh.mesh.membership.Registration;
import io.vertx.core.buffer.Buffer;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;

/**
 * A bus in memory whose time passes when a test turns the crank: {@link #until} delivers frames, and moves time on only
 * when the sessions' threads have nothing more to send. The thread that turns the crank is the bus thread.
 */
final class VirtualFrameBus implements FrameBus {
  private static final long STEP_NANOS = 10_000_000;
  private static final long QUIET_NANOS = 300_000; // of real time, before time moves on
  private static final long POLL_NANOS = 20_000;
  private static final long GRACE_NANOS = 5_000_000_000L; // of real time

  private record Sent(String address, Buffer frame) {}

  private static final class Timer {
    private final long periodNanos;
    private final Runnable action;
    private final AtomicBoolean closed = new AtomicBoolean();
    private long dueNanos;

    private Timer(long periodNanos, Runnable action, long dueNanos) {
      this.periodNanos = periodNanos;
      this.action = action;
      this.dueNanos = dueNanos;
    }
  }

  private final Map<String, List<Consumer<Buffer>>> listeners = new ConcurrentHashMap<>();
  private final Queue<Sent> sent = new ConcurrentLinkedQueue<>();
  private final List<Timer> timers = new CopyOnWriteArrayList<>();
  private volatile long nanos = Long.MAX_VALUE - Duration.ofSeconds(3).toNanos(); // overflows soon: differences count

  @Override
  public void send(String address, Buffer frame) {
    sent.add(new Sent(address, frame));
  }

  @Override
  public Listening listen(String address, Consumer<Buffer> handler) {
    listeners.computeIfAbsent(address, key -> new CopyOnWriteArrayList<>()).add(handler);
    return new Listening() {
      @Override
      public CompletionStage<Void> ready() {
        return CompletableFuture.completedStage(null);
      }

      @Override
      public void close() {
        listeners.get(address).remove(handler);
      }
    };
  }

  @Override
  public Registration every(Duration period, Runnable action) {
    var timer = new Timer(period.toNanos(), action, nanos + period.toNanos());
    timers.add(timer);
    return () -> timer.closed.set(true);
  }

  @Override
  public long nanoTime() {
    return nanos;
  }

  /** Turns the crank until {@code condition} holds, for at most {@code limit} of this bus's time. */
  void until(String what, Duration limit, BooleanSupplier condition) {
    long start = nanos;
    while (!condition.getAsBoolean()) {
      if (deliver() || awaitFrames(condition)) {
        continue;
      }
      if (nanos - start > limit.toNanos()) {
        untilThreadsAreThrough(what, limit, condition);
        return;
      }
      step();
    }
  }

  /** Waits without moving the bus's time, so that threads of a busy machine can finish their work. */
  private void untilThreadsAreThrough(String what, Duration limit, BooleanSupplier condition) {
    long start = System.nanoTime();
    while (!condition.getAsBoolean()) {
      if (System.nanoTime() - start > GRACE_NANOS) {
        throw new AssertionError("not within " + limit.toMillis() + " ms of the bus's time: " + what);
      }
      deliver();
      LockSupport.parkNanos(POLL_NANOS);
    }
  }

  /** Turns the crank for {@code time}. */
  void advance(Duration time) {
    long end = nanos + time.toNanos();
    until("time passed", time.plusSeconds(1), () -> nanos - end >= 0);
  }

  private boolean deliver() {
    boolean delivered = false;
    for (Sent next = sent.poll(); next != null; next = sent.poll()) {
      delivered = true;
      Buffer frame = next.frame();
      listeners.getOrDefault(next.address(), List.of()).forEach(handler -> handler.accept(frame));
    }
    return delivered;
  }

  private boolean awaitFrames(BooleanSupplier condition) {
    long start = System.nanoTime();
    while (System.nanoTime() - start < QUIET_NANOS) {
      if (!sent.isEmpty() || condition.getAsBoolean()) {
        return true;
      }
      LockSupport.parkNanos(POLL_NANOS);
    }
    return false;
  }

  private void step() {
    nanos += STEP_NANOS;
    timers.removeIf(timer -> timer.closed.get());
    for (Timer timer : timers) {
      if (nanos - timer.dueNanos >= 0) {
        timer.dueNanos += timer.periodNanos;
        timer.action.run();
      }
    }
  }
}
