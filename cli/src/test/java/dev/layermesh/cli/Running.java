package dev.layermesh.cli;

import dev.layermesh.cli.process.Environment;
import dev.layermesh.cli.process.Signals;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A command that runs on a thread of its own until a signal comes. */
final class Running implements AutoCloseable {
  private static final Duration LIMIT = Duration.ofSeconds(90);

  private final Signals signals = new Signals();
  private final StringWriter out = new StringWriter(); // synchronized by its buffer
  private final StringWriter err = new StringWriter();
  private final CompletableFuture<Integer> status = new CompletableFuture<>();

  Running(String... args) {
    Environment environment = Cli.environment("", signals);
    Thread.ofPlatform().name(String.join(" ", args)).start(() -> status.complete(
        Layermesh.commandLine(environment, new PrintWriter(out, true), new PrintWriter(err, true)).execute(args)));
  }

  /** Waits until stdout holds the pattern. */
  Matcher awaitOut(String pattern) throws InterruptedException {
    Pattern compiled = Pattern.compile(pattern);
    long deadline = System.nanoTime() + LIMIT.toNanos();
    while (System.nanoTime() < deadline) {
      Matcher matcher = compiled.matcher(out.toString());
      if (matcher.find()) {
        return matcher;
      }
      if (status.isDone()) {
        break;
      }
      Thread.sleep(10); // between two looks at the output
    }
    throw new AssertionError(
        "no " + pattern + " in: " + out + err + " status " + Optional.ofNullable(status.getNow(null)));
  }

  /** Raises the signal and waits for the end. */
  Cli.Result end() {
    signals.raise();
    return result();
  }

  /** Waits for the end. */
  Cli.Result result() {
    int code = status.orTimeout(LIMIT.toSeconds(), TimeUnit.SECONDS).join();
    return new Cli.Result(code, out.toString(), err.toString());
  }

  @Override
  public void close() {
    end();
  }
}
