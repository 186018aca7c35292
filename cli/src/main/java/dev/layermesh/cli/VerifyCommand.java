package dev.layermesh.cli;

import dev.layermesh.cli.options.ClusterMixin;
import dev.layermesh.cli.options.EngineMixin;
import dev.layermesh.cli.options.RoleMixin;
import dev.layermesh.cli.process.Environment;
import dev.layermesh.engine.EngineOptions;
import dev.layermesh.engine.speculation.VerifyModel;
import dev.layermesh.mesh.membership.MeshIdentity;
import dev.layermesh.verify.VerifyWorker;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** A verify worker in a process of its own. */
@Command(
    name = "verify",
    description = "Join a mesh as a verify worker: the last layers of the model judge what draft workers propose.",
    footer = {"", "Example:", "  layermesh verify --model models/my-llama --exit-layer 8"})
final class VerifyCommand implements Callable<Integer> {
  private final Environment environment;

  @Mixin
  private final EngineMixin engine;

  @Option(names = "--full",
      description = "Hold all layers, for drafters that send tokens alone (default: layers E.. only).")
  private boolean full;

  @Mixin
  private ClusterMixin cluster;

  @Mixin
  private RoleMixin role;

  @Option(names = "--max-sessions", paramLabel = "N", defaultValue = WorkerLimits.MAX_SESSIONS,
      description = "Sessions at a time; more go elsewhere (default: ${DEFAULT-VALUE}).")
  private int maxSessions;

  @Spec
  private CommandSpec spec;

  VerifyCommand(Environment environment) {
    this.environment = environment;
    this.engine = new EngineMixin(environment);
  }

  @Override
  public Integer call() throws InterruptedException {
    WorkerLimits.requireSessions(maxSessions);
    EngineOptions options = engine.options();
    MeshIdentity identity = Identities.verify(options, full);
    try (MeshMember mesh = MeshMember.join("layermesh-verify", cluster.options());
        var _ = mesh.registry().claim(identity);
        VerifyModel model = WorkerModels.verify(options, full, environment);
        VerifyWorker worker =
            VerifyWorker.start(mesh.node(), mesh.registry(), model, full, maxSessions, mesh.telemetry())) {
      int first = full ? 0 : identity.exitLayer();
      spec.commandLine().getOut().println("verify worker ready: " + WorkerLimits.described(model.model(), first,
          model.model().config().numLayers()) + ", cluster " + mesh.node().options().cluster());
      role.awaitEnd(environment.signals(), model.lost());
      worker.drain(WorkerLimits.DRAIN);
    }
    return 0;
  }
}
