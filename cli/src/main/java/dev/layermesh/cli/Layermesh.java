package dev.layermesh.cli;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import dev.layermesh.cli.complete.LocalCompleter;
import dev.layermesh.cli.process.Environment;
import java.io.PrintWriter;
import java.util.concurrent.Callable;
import org.slf4j.LoggerFactory;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.IVersionProvider;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.RunLast;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.Spec;

/** The command itself: options of every command, and the list of them. */
@Command(
    name = "layermesh",
    scope = ScopeType.INHERIT,
    mixinStandardHelpOptions = true,
    versionProvider = Layermesh.Version.class,
    usageHelpAutoWidth = true,
    sortOptions = false)
final class Layermesh implements Callable<Integer> {

  @Option(names = "--verbose", scope = ScopeType.INHERIT,
      description = "Log what happens; show stack traces of failures.")
  private boolean verbose;

  @Spec
  private CommandSpec spec;

  private Layermesh() {}

  /** The command line with all its commands, writing to the streams given. */
  static CommandLine commandLine(Environment environment, PrintWriter out, PrintWriter err) {
    var root = new Layermesh();
    var line = new CommandLine(root)
        .addSubcommand(new ServeCommand(environment))
        .addSubcommand(new MeshCommand(environment))
        .addSubcommand(new GatewayCommand(environment))
        .addSubcommand(new DraftCommand(environment))
        .addSubcommand(new VerifyCommand(environment))
        .addSubcommand(new GenerateCommand(environment))
        .addSubcommand(new ChatCommand(environment))
        .addSubcommand(new CorrectnessCommand(environment, LocalCompleter::open))
        .addSubcommand(new InspectCommand(environment))
        .addSubcommand(new ConvertCommand(environment))
        .addSubcommand(new BenchEngineCommand(environment))
        .addSubcommand(new PerplexityCommand(environment));
    line.getCommandSpec().usageMessage()
        .description("Lossless self-speculative LLM serving: "
            + "draft workers run a model's first layers, verify workers the rest.")
        .footer("", "Example:", "  layermesh generate --prompt 'ROMEO:' --max-tokens 64");
    var errors = new Errors(() -> root.verbose);
    return line
        .setOut(out)
        .setErr(err)
        .setExpandAtFiles(false) // a prompt may begin with @
        .setCaseInsensitiveEnumValuesAllowed(false)
        .setParameterExceptionHandler(errors)
        .setExecutionExceptionHandler(errors)
        .setExecutionStrategy(parsed -> {
          if (root.verbose) {
            logEverything();
          }
          return new RunLast().execute(parsed);
        });
  }

  @Override
  public Integer call() {
    throw new ParameterException(spec.commandLine(), "no command given");
  }

  private static void logEverything() {
    if (LoggerFactory.getLogger(org.slf4j.Logger.ROOT_LOGGER_NAME) instanceof Logger root) {
      root.setLevel(Level.INFO);
    }
  }

  static final class Version implements IVersionProvider {
    @Override
    public String[] getVersion() {
      String version = Layermesh.class.getPackage().getImplementationVersion();
      return new String[] {"layermesh " + (version == null ? "(from classes)" : version), "Java " + Runtime.version()};
    }
  }
}
