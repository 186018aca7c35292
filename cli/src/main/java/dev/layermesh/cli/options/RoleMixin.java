package dev.layermesh.cli.options;

import dev.layermesh.cli.process.Signals;
import java.util.Optional;
import picocli.CommandLine.Option;

/** What a process of the mesh owes to the one that started it. */
public final class RoleMixin {
  public static final String SUPERVISOR = "--supervisor";

  @Option(names = SUPERVISOR, hidden = true, description = "End with the process of this id.")
  private Long supervisor;

  /** Serves until a signal comes or the supervisor is gone. */
  public void awaitEnd(Signals signals) throws InterruptedException {
    if (supervisor != null) {
      Optional<ProcessHandle> process = ProcessHandle.of(supervisor);
      process.ifPresentOrElse(running -> running.onExit().thenRun(signals::raise), signals::raise);
    }
    signals.await();
  }
}
