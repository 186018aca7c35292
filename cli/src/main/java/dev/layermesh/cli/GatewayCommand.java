package dev.layermesh.cli;

import dev.layermesh.cli.options.ClusterMixin;
import dev.layermesh.cli.options.ListenMixin;
import dev.layermesh.cli.options.RoleMixin;
import dev.layermesh.cli.process.Environment;
import dev.layermesh.gateway.GatewayOptions;
import dev.layermesh.gateway.MeshGateway;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** A gateway in a process of its own. */
@Command(
    name = "gateway",
    description = "Join a mesh as a gateway: clients connect to it, workers do the work. It needs no model.",
    footer = {"", "Example:", "  layermesh gateway --host 0.0.0.0 --port 8080"})
final class GatewayCommand implements Callable<Integer> {
  private final Environment environment;

  @Mixin
  private ListenMixin listen;

  @Mixin
  private ClusterMixin cluster;

  @Mixin
  private RoleMixin role;

  @Spec
  private CommandSpec spec;

  GatewayCommand(Environment environment) {
    this.environment = environment;
  }

  @Override
  public Integer call() throws InterruptedException {
    GatewayOptions options = listen.options();
    try (MeshMember mesh = MeshMember.join("layermesh-gateway", cluster.options());
        MeshGateway gateway = MeshGateway.start(mesh.node(), mesh.registry(), options,
            environment.cache(), mesh.telemetry())) {
      spec.commandLine().getOut().println(
          "gateway ready: " + gateway.url() + ", cluster " + mesh.node().options().cluster());
      role.awaitEnd(environment.signals());
    }
    return 0;
  }
}
