package dev.layermesh.cli;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.OutputStreamWriter;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Optional;

/** Where the process begins and ends: reads what the launcher says, runs a command, exits with its status. */
public final class Main {
  private Main() {}

  /** Runs the command line and exits. */
  public static void main(String[] args) {
    if (Boolean.getBoolean("layermesh.filtered")) {
      Stderr.restore();
    }
    Signals signals = Signals.install();
    Optional<Path> home = Optional.ofNullable(System.getProperty("layermesh.root")).map(Path::of);
    var environment = new Environment(home, System.in, Boolean.getBoolean("layermesh.terminal"), signals);
    System.exit(signals.run(() -> Layermesh.commandLine(environment, utf8(FileDescriptor.out), utf8(FileDescriptor.err))
        .execute(args)));
  }

  /** Results are UTF-8 whatever the locale: JSON is, and so are the files prompts come from. */
  private static PrintWriter utf8(FileDescriptor descriptor) {
    return new PrintWriter(new OutputStreamWriter(new FileOutputStream(descriptor), StandardCharsets.UTF_8), true);
  }
}
