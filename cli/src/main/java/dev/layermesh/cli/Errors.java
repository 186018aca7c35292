package dev.layermesh.cli;

import dev.layermesh.cli.complete.ContextFullException;
import dev.layermesh.cli.process.ExitStatus;
import dev.layermesh.decoding.InputException;
import java.util.function.BooleanSupplier;
import picocli.CommandLine;
import picocli.CommandLine.IExecutionExceptionHandler;
import picocli.CommandLine.IParameterExceptionHandler;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;
import picocli.CommandLine.UnmatchedArgumentException;

/** One line on stderr for every failure: 2 for errors that the user can correct, 1 for a run that failed. */
final class Errors implements IParameterExceptionHandler, IExecutionExceptionHandler {
  private final BooleanSupplier verbose;

  Errors(BooleanSupplier verbose) {
    this.verbose = verbose;
  }

  @Override
  public int handleParseException(ParameterException wrong, String[] args) {
    CommandLine command = wrong.getCommandLine();
    String help = "see " + command.getCommandSpec().qualifiedName() + " --help";
    report(command, explained(wrong) + ": " + help, wrong);
    return ExitStatus.BAD_INPUT;
  }

  private static String explained(ParameterException wrong) {
    if (wrong instanceof UnmatchedArgumentException unmatched) {
      String argument = unmatched.getUnmatched().getFirst();
      return argument + ": " + (unmatched.isUnknownOption() ? "unknown option" : "unknown command or argument");
    }
    if (wrong.getArgSpec() instanceof OptionSpec option && wrong.getValue() != null) {
      // picocli: "Invalid value for option '--x': what is wrong"
      String message = wrong.getMessage().replaceFirst("^Invalid value for option '[^']*'( \\([^)]*\\))?: ", "");
      return option.longestName() + "=" + wrong.getValue() + ": " + message;
    }
    return wrong.getMessage().replaceFirst("^Error: ", "");
  }

  @Override
  public int handleExecutionException(Exception failure, CommandLine command, ParseResult parsed) {
    if (failure instanceof InputException || failure instanceof ContextFullException) {
      report(command, failure.getMessage(), failure);
      return ExitStatus.BAD_INPUT;
    }
    String message = failure.getMessage();
    report(command, message == null || message.isBlank() ? failure.getClass().getName() : message, failure);
    return ExitStatus.RUN_FAILED;
  }

  private void report(CommandLine command, String message, Exception failure) {
    command.getOut().flush();
    command.getErr().println("layermesh: " + message.replaceAll("\\s*\\R\\s*", " "));
    if (verbose.getAsBoolean()) {
      failure.printStackTrace(command.getErr());
    }
  }
}
