package dev.layermesh.cli;

import dev.layermesh.cli.options.WorkerMixin;
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
  private final WorkerMixin worker;

  @Option(names = "--full",
      description = "Hold all layers, for drafters that send tokens alone (default: layers E.. only).")
  private boolean full;

  @Spec
  private CommandSpec spec;

  VerifyCommand(Environment environment) {
    this.environment = environment;
    this.worker = new WorkerMixin(environment);
  }

  @Override
  public Integer call() throws InterruptedException {
    int maxSessions = worker.maxSessions();
    EngineOptions options = worker.engine();
    MeshIdentity identity = Identities.verify(options, full);
    try (MeshMember mesh = MeshMember.join("layermesh-verify", worker.mesh());
        var _ = mesh.registry().claim(identity);
        VerifyModel model = WorkerModels.verify(options, full, environment);
        VerifyWorker running =
            VerifyWorker.start(mesh.node(), mesh.registry(), model, full, maxSessions, mesh.telemetry())) {
      int first = full ? 0 : identity.exitLayer();
      spec.commandLine().getOut().println("verify worker ready: " + WorkerLimits.described(model.model(), first,
          model.model().config().numLayers()) + ", cluster " + mesh.node().options().cluster());
      worker.awaitEnd(environment.signals(), model.lost());
      running.drain(WorkerLimits.DRAIN);
    }
    return 0;
  }
}
