package dev.layermesh.cli;

import dev.layermesh.cli.process.Environment;
import dev.layermesh.cli.process.Signals;
import java.io.ByteArrayInputStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Optional;

/** Runs commands in this JVM and keeps what they print. */
final class Cli {
  static final Path ROOT = Path.of(System.getProperty("layermesh.root"));
  static final Path MODEL = ROOT.resolve("models/layerskip-shakespeare");

  private Cli() {}

  /** A command's exit status and output. */
  record Result(int status, String out, String err) {}

  static Result run(String... args) {
    return runWithInput("", args);
  }

  static Result runWithInput(String stdin, String... args) {
    return run(environment(stdin, new Signals()), args);
  }

  static Result run(Environment environment, String... args) {
    var out = new StringWriter();
    var err = new StringWriter();
    int status = Layermesh.commandLine(environment, new PrintWriter(out), new PrintWriter(err)).execute(args);
    return new Result(status, out.toString(), err.toString());
  }

  static Environment environment(String stdin, Signals signals) {
    return environment(stdin, signals, ROOT.resolve("cli/target/cache"));
  }

  static Environment environment(String stdin, Signals signals, Path cache) {
    var in = new ByteArrayInputStream(stdin.getBytes(StandardCharsets.UTF_8));
    return new Environment(Optional.of(ROOT), cache, in, false, signals);
  }
}
