package dev.layermesh.cli.process;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/**
 * Keeps processes running: passes their lines on under their names, starts one that died again after a pause that
 * doubles, and ends all when a signal comes. One that refuses its input before it was ever ready would refuse it again:
 * then all end, with its status. A child says on stdout that it is ready.
 */
public final class Supervisor {
  private static final Duration FIRST_PAUSE = Duration.ofMillis(500);
  private static final Duration LONGEST_PAUSE = Duration.ofSeconds(30);
  /** A child that ran for so long counts as healthy: the pause before its next start is the first one again. */
  private static final Duration HEALTHY = Duration.ofSeconds(60);
  /** For one child to drain and end; then it is killed. */
  private static final Duration END_LIMIT = Duration.ofSeconds(20);
  /** The JVM's own announcement, which says nothing about the mesh. */
  private static final String INCUBATOR_NOTICE = "WARNING: Using incubator modules";

  private final PrintWriter out;
  private final PrintWriter err;
  private final Signals ending = new Signals(); // ours, or a child's refusal

  private volatile Optional<Integer> refusal = Optional.empty();

  public Supervisor(PrintWriter out, PrintWriter err) {
    this.out = out;
    this.err = err;
  }

  /**
   * A process to keep running.
   *
   * @param name before its lines
   * @param command that starts it
   */
  public record Child(String name, List<String> command) {}

  /** Starts the children and keeps them until a signal comes; then ends them, the last first. */
  public int run(List<Child> children, Signals signals) throws InterruptedException {
    var keepers = new ArrayList<Keeper>();
    try (var _ = signals.onSignal(ending::raise)) {
      for (Child child : children) {
        keepers.add(new Keeper(child));
      }
      ending.await();
      int last = keepers.size() - 1;
      keepers.get(last).end(); // the gateway: it lets streams finish while the workers still work
      keepers.subList(0, last).reversed().forEach(Keeper::askToEnd);
      for (Keeper keeper : keepers.subList(0, last).reversed()) {
        keeper.end();
      }
    }
    return refusal.orElse(0);
  }

  /** Keeps one child running, on a virtual thread. */
  private final class Keeper {
    private final Child child;
    private final Thread thread;
    private Optional<Process> process = Optional.empty();
    private volatile boolean wasReady;

    Keeper(Child child) {
      this.child = child;
      this.thread = Thread.ofVirtual().name("keep-" + child.name()).start(this::keep);
    }

    private void keep() {
      Duration pause = FIRST_PAUSE;
      try {
        while (true) {
          long started = System.nanoTime();
          Optional<Process> running = start();
          if (running.isEmpty()) {
            return;
          }
          int status = running.get().waitFor();
          if (ending.raised()) {
            return;
          }
          if (status == ExitStatus.BAD_INPUT && !wasReady) {
            refusal = Optional.of(status);
            ending.raise();
            return;
          }
          if (System.nanoTime() - started > HEALTHY.toNanos()) {
            pause = FIRST_PAUSE;
          }
          line(err, "ended with status " + status + ", starting again in " + pause.toMillis() + " ms");
          Thread.sleep(pause);
          pause = pause.multipliedBy(2).compareTo(LONGEST_PAUSE) < 0 ? pause.multipliedBy(2) : LONGEST_PAUSE;
        }
      } catch (InterruptedException ended) {
        Thread.currentThread().interrupt();
      } catch (IOException failed) {
        line(err, "cannot be started: " + failed.getMessage());
        refusal = Optional.of(ExitStatus.RUN_FAILED);
        ending.raise();
      }
    }

    /** Nothing is started any more once the end has begun. */
    private synchronized Optional<Process> start() throws IOException {
      if (ending.raised()) {
        return Optional.empty();
      }
      Process started = new ProcessBuilder(child.command()).start();
      started.getOutputStream().close();
      passOn(started.getInputStream(), text -> {
        wasReady = true; // workers and gateways print nothing before
        line(out, text);
      });
      passOn(started.getErrorStream(), text -> line(err, text));
      process = Optional.of(started);
      return process;
    }

    private void passOn(InputStream stream, Consumer<String> to) {
      Thread.ofVirtual().start(() -> {
        try (var lines = new BufferedReader(new InputStreamReader(stream, StandardCharsets.UTF_8))) {
          for (String text = lines.readLine(); text != null; text = lines.readLine()) {
            if (!text.startsWith(INCUBATOR_NOTICE)) {
              to.accept(text);
            }
          }
        } catch (IOException closed) {
          line(err, "output lost: " + closed.getMessage());
        }
      });
    }

    private void line(PrintWriter to, String text) {
      synchronized (to) {
        to.println(child.name() + " | " + text);
        to.flush();
      }
    }

    synchronized void askToEnd() {
      process.ifPresent(running -> running.toHandle().destroy()); // its streams stay open for its last lines
    }

    /** Asks the child to drain, waits for it, kills it if it takes too long. */
    void end() {
      askToEnd();
      thread.interrupt();
      Optional<Process> running;
      synchronized (this) {
        running = process;
      }
      running.ifPresent(each -> {
        try {
          if (!each.waitFor(END_LIMIT.toMillis(), TimeUnit.MILLISECONDS)) {
            line(err, "does not end, killed");
            each.destroyForcibly();
          }
        } catch (InterruptedException hurried) {
          each.destroyForcibly();
          Thread.currentThread().interrupt();
        }
      });
    }
  }
}
