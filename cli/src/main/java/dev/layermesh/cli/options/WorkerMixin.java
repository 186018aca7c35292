package dev.layermesh.cli.options;

import dev.layermesh.cli.process.Environment;
import dev.layermesh.cli.process.Signals;
import dev.layermesh.decoding.InputException;
import dev.layermesh.engine.EngineOptions;
import dev.layermesh.mesh.membership.MeshOptions;
import java.util.concurrent.CompletableFuture;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** A worker of the mesh: its half of a model, the mesh it joins, the sessions it takes. */
public final class WorkerMixin {

  @Mixin
  private final EngineMixin engine;

  @Mixin
  private ClusterMixin cluster;

  @Mixin
  private RoleMixin role;

  @Option(names = "--max-sessions", paramLabel = "N", defaultValue = "64",
      description = "Sessions at a time; more go to other workers (default: ${DEFAULT-VALUE}).")
  private int maxSessions;

  public WorkerMixin(Environment environment) {
    this.engine = new EngineMixin(environment);
  }

  public EngineOptions engine() {
    return engine.options();
  }

  public MeshOptions mesh() {
    return cluster.options();
  }

  public int maxSessions() {
    if (maxSessions < 1) {
      throw InputException.of("--max-sessions", maxSessions, "must be 1 or more");
    }
    return maxSessions;
  }

  /**
   * Serves until a signal comes, the supervisor has ended, or the model can serve no longer.
   *
   * @param failed completed with the reason when the model can serve no longer; this method then throws it
   */
  public void awaitEnd(Signals signals, CompletableFuture<? extends RuntimeException> failed)
      throws InterruptedException {
    role.awaitEnd(signals, failed);
  }
}
