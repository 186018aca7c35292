package dev.layermesh.cli;

import dev.layermesh.cli.options.DraftNotice;
import dev.layermesh.cli.options.WorkerMixin;
import dev.layermesh.cli.process.Environment;
import dev.layermesh.decoding.WindowPolicy;
import dev.layermesh.draft.DraftWorker;
import dev.layermesh.engine.EngineOptions;
import dev.layermesh.engine.speculation.DraftModel;
import dev.layermesh.mesh.membership.MeshIdentity;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** A draft worker in a process of its own. */
@Command(
    name = "draft",
    description = "Join a mesh as a draft worker: the first layers of a model, and the loop of sessions.",
    footer = {"", "Example:", "  layermesh draft --model models/my-llama --exit-layer 8"})
final class DraftCommand implements Callable<Integer> {
  private final Environment environment;

  @Mixin
  private final WorkerMixin worker;

  @Option(names = "--window", paramLabel = "K",
      description = "Draft at most K tokens in a round, whatever requests ask for (default: as many as they ask for).")
  private Integer window;

  @Spec
  private CommandSpec spec;

  DraftCommand(Environment environment) {
    this.environment = environment;
    this.worker = new WorkerMixin(environment);
  }

  @Override
  public Integer call() throws InterruptedException {
    int maxSessions = worker.maxSessions();
    int mostDrafted = WindowPolicy.sequential(window == null ? WindowPolicy.MAX_DRAFT_TOKENS : window).draftTokens();
    EngineOptions options = worker.engine();
    MeshIdentity identity = Identities.draft(options);
    try (MeshMember mesh = MeshMember.join("layermesh-draft", worker.mesh());
        var _ = mesh.registry().claim(identity);
        DraftModel model = WorkerModels.draft(options, environment);
        DraftWorker running =
            DraftWorker.start(mesh.node(), mesh.registry(), model, maxSessions, mostDrafted, mesh.telemetry())) {
      spec.commandLine().getOut().println("draft worker ready: " + WorkerLimits.described(model.model(), 0,
          identity.exitLayer()) + ", cluster " + mesh.node().options().cluster());
      DraftNotice.of(model.model().window()).ifPresent(spec.commandLine().getOut()::println);
      worker.awaitEnd(environment.signals(), model.lost());
      running.drain(WorkerLimits.DRAIN);
    }
    return 0;
  }
}
