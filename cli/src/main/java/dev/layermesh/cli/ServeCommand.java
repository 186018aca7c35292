package dev.layermesh.cli;

import dev.layermesh.cli.options.ClusterMixin;
import dev.layermesh.cli.options.DraftNotice;
import dev.layermesh.cli.options.EngineMixin;
import dev.layermesh.cli.options.ListenMixin;
import dev.layermesh.cli.options.RoleMixin;
import dev.layermesh.cli.process.Environment;
import dev.layermesh.draft.DraftWorker;
import dev.layermesh.engine.EngineOptions;
import dev.layermesh.engine.speculation.CoLocatedModel;
import dev.layermesh.engine.speculation.ModelIdentity;
import dev.layermesh.gateway.GatewayOptions;
import dev.layermesh.gateway.MeshGateway;
import dev.layermesh.verify.VerifyWorker;
import java.io.PrintWriter;
import java.time.Duration;
import java.util.UUID;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** The whole mesh in one JVM: its workers share a lane, and communicate through the mesh as all workers do. */
@Command(
    name = "serve",
    description = "Serve a model from this process alone: gateway, draft and verify worker; until Ctrl-C or SIGTERM.",
    footer = {"", "Example:", "  layermesh serve --port 8080"})
final class ServeCommand implements Callable<Integer> {
  private static final Duration READY_LIMIT = Duration.ofSeconds(30);
  private static final long LOOK_MILLIS = 20;

  private final Environment environment;

  @Mixin
  private ListenMixin listen;

  @Mixin
  private final EngineMixin engine;

  @Mixin
  private ClusterMixin cluster;

  @Mixin
  private RoleMixin role;

  @Spec
  private CommandSpec spec;

  ServeCommand(Environment environment) {
    this.environment = environment;
    this.engine = new EngineMixin(environment);
  }

  @Override
  public Integer call() throws InterruptedException {
    EngineOptions options = engine.options();
    Identities.verify(options, true); // wrong files are found before anything starts
    GatewayOptions address = listen.options();
    // A mesh of its own, unless it is to be part of one.
    String own = "serve-" + UUID.randomUUID();
    try (MeshMember mesh = MeshMember.join("layermesh", cluster.options(own))) {
      // Before the weights: a port in use is found at once. It needs no worker yet.
      serve(mesh, MeshGateway.start(mesh.node(), mesh.registry(), address,
          environment.cache(), mesh.telemetry()), options);
    }
    return 0;
  }

  /** Puts workers behind a gateway, and closes it before them at the end. */
  private void serve(MeshMember mesh, MeshGateway started, EngineOptions options) throws InterruptedException {
    int sessions = GatewayOptions.DEFAULT.maxSessions();
    try (CoLocatedModel model = WorkerModels.both(options, environment);
        VerifyWorker _ =
            VerifyWorker.start(mesh.node(), mesh.registry(), model.verify(), false, sessions, mesh.telemetry());
        DraftWorker _ = DraftWorker.start(mesh.node(), mesh.registry(), model.draft(), sessions, mesh.telemetry());
        MeshGateway gateway = started) {
      awaitReady(gateway);
      invite(gateway.url(), model.draft().model());
      role.awaitEnd(environment.signals(), model.lost());
    }
  }

  private static void awaitReady(MeshGateway gateway) throws InterruptedException {
    long deadline = System.nanoTime() + READY_LIMIT.toNanos();
    while (!gateway.ready()) {
      if (System.nanoTime() > deadline) {
        throw new IllegalStateException(
            "gateway and workers did not find each other in " + READY_LIMIT.toSeconds() + " s");
      }
      Thread.sleep(LOOK_MILLIS);
    }
  }

  private void invite(String url, ModelIdentity model) {
    PrintWriter out = spec.commandLine().getOut();
    out.println("Serving " + model.name() + " at " + url + " (page, HTTP and WebSocket); exit layer "
        + model.exitLayer() + " of " + model.config().numLayers() + ", " + model.arithmetic());
    if (!listen.windowGiven()) {
      DraftNotice.of(model.window()).ifPresent(out::println);
    }
    out.println();
    out.println("Try:");
    out.println("  curl -N " + url + "/v1/completions -H 'content-type: application/json'"
        + " -d '{\"prompt\": \"ROMEO:\", \"max_tokens\": 64, \"stream\": true}'");
    out.println("  bin/layermesh chat --connect ws" + url.substring("http".length()));
    out.flush();
  }
}
