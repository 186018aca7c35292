package dev.layermesh.cli.process;

import java.time.Duration;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.IntSupplier;

/**
 * Turns SIGTERM and Ctrl-C into an orderly end: what was registered is run, and the process exits with the status of
 * the command once that has ended by itself. Thread-safe.
 */
public final class Signals {
  /** Longer than any role drains. */
  private static final Duration PATIENCE = Duration.ofSeconds(60);

  private final Set<Runnable> stops = ConcurrentHashMap.newKeySet();
  private final CompletableFuture<Integer> status = new CompletableFuture<>();
  private volatile boolean raised;

  /** Listens to the signals of this process. Called once, by {@code Main}. */
  public static Signals install() {
    Signals signals = new Signals();
    Runtime.getRuntime().addShutdownHook(new Thread(signals::endProcess, "signals"));
    return signals;
  }

  /** Something to undo. */
  public interface Registration extends AutoCloseable {
    @Override
    void close();
  }

  /** Runs {@code stop} at the first signal, now if that has come already, unless the registration is closed before. */
  public Registration onSignal(Runnable stop) {
    var once = new CompletableFuture<Void>();
    Runnable guarded = () -> {
      if (once.complete(null)) {
        stop.run();
      }
    };
    stops.add(guarded);
    if (raised) {
      guarded.run();
    }
    return () -> {
      stops.remove(guarded);
      once.cancel(false);
    };
  }

  /** Waits for a signal, or for the caller's interruption. */
  public void await() throws InterruptedException {
    var latch = new CountDownLatch(1);
    try (var _ = onSignal(latch::countDown)) {
      latch.await();
    }
  }

  /** Whether a signal has come. */
  public boolean raised() {
    return raised;
  }

  /** What a signal does, short of ending the process. */
  public void raise() {
    raised = true;
    stops.forEach(Runnable::run);
  }

  /** Runs a command; its status is the process's, also if a signal ends it. */
  public int run(IntSupplier command) {
    int code = 1;
    try {
      code = command.getAsInt();
    } finally {
      status.complete(code);
    }
    return code;
  }

  /**
   * Runs in the shutdown hook, after System.exit or on a signal. Halts, because the JVM's own status would be the
   * signal's. Without a registered stop there is nothing to drain, so it does not wait.
   */
  private void endProcess() {
    if (status.isDone()) {
      return;
    }
    boolean drains = !stops.isEmpty();
    raise();
    int code = drains ? status.completeOnTimeout(1, PATIENCE.toSeconds(), TimeUnit.SECONDS).join() : 0;
    Runtime.getRuntime().halt(code);
  }
}
