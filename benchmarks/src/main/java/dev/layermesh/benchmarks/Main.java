package dev.layermesh.benchmarks;

import picocli.CommandLine;
import picocli.CommandLine.Command;

/** The benchmarks that do not use JMH, and the command that starts JMH. */
@Command(
    name = "benchmarks",
    mixinStandardHelpOptions = true,
    usageHelpAutoWidth = true,
    sortOptions = false,
    description = "Measure LayerMesh on this machine.",
    subcommands = {KernelsCommand.class, SpeculationCommand.class, SessionsCommand.class})
final class Main {
  private Main() {}

  /** Exits with 0, with 1 when a measurement failed, and with 2 for bad usage. */
  public static void main(String[] args) {
    System.exit(new CommandLine(new Main()).execute(args));
  }
}
