package dev.layermesh.cli;

import dev.layermesh.cli.options.ClusterMixin;
import dev.layermesh.cli.options.EngineMixin;
import dev.layermesh.cli.options.ListenMixin;
import dev.layermesh.cli.options.RoleMixin;
import dev.layermesh.cli.process.Environment;
import dev.layermesh.cli.process.JavaCommand;
import dev.layermesh.cli.process.Supervisor;
import dev.layermesh.decoding.InputException;
import dev.layermesh.engine.EngineOptions;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** A mesh of several processes on this machine. */
@Command(
    name = "mesh",
    description = "Start a gateway, draft and verify workers as processes of this machine and keep them running.",
    footer = {"", "Example:", "  layermesh mesh --drafts 2 --verifies 1"})
final class MeshCommand implements Callable<Integer> {
  private static final int MOST = 16; // with the gateway, what a port range of 20 holds

  private final Environment environment;

  @Option(names = "--drafts", paramLabel = "N", defaultValue = "1",
      description = "Draft workers (default: ${DEFAULT-VALUE}).")
  private int drafts;

  @Option(names = "--verifies", paramLabel = "N", defaultValue = "1",
      description = "Verify workers (default: ${DEFAULT-VALUE}).")
  private int verifies;

  @Mixin
  private ListenMixin listen;

  @Mixin
  private final EngineMixin engine;

  @Mixin
  private ClusterMixin cluster;

  @Spec
  private CommandSpec spec;

  MeshCommand(Environment environment) {
    this.environment = environment;
    this.engine = new EngineMixin(environment);
  }

  @Override
  public Integer call() throws InterruptedException {
    requireCount("--drafts", drafts);
    requireCount("--verifies", verifies);
    if (drafts + verifies > MOST) {
      throw InputException.of("--drafts", drafts, "must be at most " + MOST + " together with --verifies=" + verifies);
    }
    EngineOptions options = engine.options();
    Identities.verify(options, true); // wrong files are found before anything starts
    listen.options();
    cluster.options();
    var supervisor = new Supervisor(spec.commandLine().getOut(), spec.commandLine().getErr());
    return supervisor.run(children(), environment.signals());
  }

  /** Verify workers first in the list: children are ended in the opposite order, the gateway before those it needs. */
  private List<Supervisor.Child> children() {
    var children = new ArrayList<Supervisor.Child>();
    for (int i = 1; i <= verifies; i++) {
      children.add(child("verify-" + i, "verify", engine.arguments()));
    }
    for (int i = 1; i <= drafts; i++) {
      children.add(child("draft-" + i, "draft", engine.arguments()));
    }
    children.add(child("gateway", "gateway", listen.arguments()));
    return children;
  }

  private Supervisor.Child child(String name, String role, List<String> options) {
    long self = ProcessHandle.current().pid();
    List<String> arguments = Stream.of(
        List.of(role), options, cluster.arguments(), List.of(RoleMixin.SUPERVISOR + "=" + self))
        .flatMap(List::stream)
        .toList();
    return new Supervisor.Child(name, JavaCommand.ofThisProcess(environment, Main.class, arguments));
  }

  private static void requireCount(String option, int count) {
    if (count < 1) {
      throw InputException.of(option, count, "must be 1 or more");
    }
  }
}
