package dev.layermesh.cli.options;

import dev.layermesh.cli.process.Signals;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import picocli.CommandLine.Option;

/** Ends a process of the mesh when the process that started it ends. */
public final class RoleMixin {
  public static final String SUPERVISOR = "--supervisor";

  @Option(names = SUPERVISOR, hidden = true, description = "End with the process of this id.")
  private Long supervisor;

  /** Serves until a signal comes or the supervisor is gone. */
  public void awaitEnd(Signals signals) throws InterruptedException {
    awaitEnd(signals, new CompletableFuture<>());
  }

  /**
   * The same for a process that may fail while it serves.
   *
   * @param failed completed with the reason when the process can serve no longer; this method then throws it, so that
   *     the command leaves the mesh and the process exits with 1
   */
  public void awaitEnd(Signals signals, CompletableFuture<? extends RuntimeException> failed)
      throws InterruptedException {
    failed.thenRun(signals::raise);
    if (supervisor != null) {
      Optional<ProcessHandle> process = ProcessHandle.of(supervisor);
      process.ifPresentOrElse(running -> running.onExit().thenRun(signals::raise), signals::raise);
    }
    signals.await();
    if (failed.isDone()) {
      throw failed.join();
    }
  }
}
