package dev.layermesh.cli;

import dev.layermesh.cli.process.Environment;
import dev.layermesh.cli.process.ExitStatus;
import dev.layermesh.cli.process.Signals;
import dev.layermesh.cli.process.Stderr;
import dev.layermesh.mesh.files.ModelFilesCache;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.OutputStreamWriter;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.slf4j.LoggerFactory;
import picocli.CommandLine;

/** Starts the process: reads the launcher's properties, runs a command, exits with its status. */
public final class Main {
  private Main() {}

  /** Runs the command line and exits. */
  public static void main(String[] args) {
    if (Boolean.getBoolean("layermesh.filtered")) {
      Stderr.restore();
    }
    Thread.setDefaultUncaughtExceptionHandler(Main::unhandled);
    Signals signals = Signals.install();
    Optional<Path> home = Optional.ofNullable(System.getProperty("layermesh.root")).map(Path::of);
    Path cache = ModelFilesCache.defaultRoot(System.getenv());
    var environment = new Environment(home, cache, System.in, Boolean.getBoolean("layermesh.terminal"), signals);
    PrintWriter err = utf8(FileDescriptor.err);
    CommandLine line = Layermesh.commandLine(environment, utf8(FileDescriptor.out), err);
    System.exit(signals.run(() -> execute(line, err, args)));
  }

  /**
   * Handles what a thread threw and no code caught. An error of the virtual machine, such as no memory, ends the
   * process at once, with one line and without hooks, which might need the missing memory.
   */
  private static void unhandled(Thread thread, Throwable failure) {
    if (failure instanceof VirtualMachineError) {
      System.err.println("layermesh: " + failure + " in thread " + thread.getName());
      Runtime.getRuntime().halt(ExitStatus.RUN_FAILED);
    }
    LoggerFactory.getLogger(Main.class).error("unhandled in thread {}", thread.getName(), failure);
  }

  /** The status of a command; 1, and one line, also for what no command catches: no memory, a class that is missing. */
  static int execute(CommandLine line, PrintWriter err, String... args) {
    try {
      return line.execute(args);
    } catch (Throwable broken) {
      err.println("layermesh: " + broken.toString().replaceAll("\\s*\\R\\s*", " "));
      if (List.of(args).contains("--verbose")) {
        broken.printStackTrace(err);
      }
      return ExitStatus.RUN_FAILED;
    }
  }

  /** Results are UTF-8 whatever the locale: JSON is, and so are the files prompts come from. */
  private static PrintWriter utf8(FileDescriptor descriptor) {
    return new PrintWriter(new OutputStreamWriter(new FileOutputStream(descriptor), StandardCharsets.UTF_8), true);
  }
}
