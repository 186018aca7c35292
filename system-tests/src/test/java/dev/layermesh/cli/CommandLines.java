package dev.layermesh.cli;

import dev.layermesh.cli.process.Environment;
import dev.layermesh.cli.process.Signals;
import java.io.InputStream;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import picocli.CommandLine.ParameterException;

/** The command line's grammar for tests of what is written to be run by it. */
public final class CommandLines {
  private CommandLines() {}

  /** Why the command line refuses the arguments; nothing if it would run a command with them. */
  public static Optional<String> refusal(List<String> arguments) {
    var nowhere = new PrintWriter(PrintWriter.nullWriter());
    var environment = new Environment(
        Optional.empty(), Path.of(""), InputStream.nullInputStream(), false, new Signals());
    try {
      var parsed = Layermesh.commandLine(environment, nowhere, nowhere).parseArgs(arguments.toArray(String[]::new));
      return parsed.hasSubcommand() ? Optional.empty() : Optional.of("no command given");
    } catch (ParameterException e) {
      return Optional.of(e.getMessage());
    }
  }
}
