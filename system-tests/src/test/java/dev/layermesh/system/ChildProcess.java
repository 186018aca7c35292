package dev.layermesh.system;

import dev.layermesh.testkit.Await;
import dev.layermesh.testkit.Fixtures;
import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** A {@code layermesh} command in a JVM of its own, started as the launcher starts it; killed when closed. */
final class ChildProcess implements AutoCloseable {
  private static final String CLASS_PATH = System.getProperty("java.class.path");
  private static final Duration STARTING = Duration.ofSeconds(120);
  private static final Duration ENDING = Duration.ofSeconds(60);

  private final String name;
  private final Path out;
  private final Path err;
  private final Process process;

  /** A command's exit status and output. */
  record Result(int status, String out, String err) {}

  private ChildProcess(String name, Path out, Path err, Process process) {
    this.name = name;
    this.out = out;
    this.err = err;
    this.process = process;
  }

  /**
   * Starts a command.
   *
   * @param folder gets its output, and its caches
   * @param environment variables besides those of this process
   */
  static ChildProcess start(Path folder, Map<String, String> environment, List<String> arguments) {
    return start(folder, environment, packaged().map(ClassArchive::flags).orElse(List.of()), arguments);
  }

  /** Starts a command in a JVM with other flags. */
  static ChildProcess start(Path folder, Map<String, String> environment, List<String> flags, List<String> arguments) {
    try {
      Path out = Files.createTempFile(folder, arguments.getFirst() + "-", ".out");
      Path err = Files.createTempFile(folder, arguments.getFirst() + "-", ".err");
      var builder = new ProcessBuilder(command(flags, arguments))
          .redirectOutput(out.toFile())
          .redirectError(err.toFile());
      builder.environment().keySet().removeIf(variable -> variable.startsWith("OTEL_"));
      builder.environment().put("XDG_CACHE_HOME", folder.resolve("cache").toString());
      builder.environment().putAll(environment);
      return new ChildProcess(String.join(" ", arguments), out, err, builder.start());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static List<String> command(List<String> flags, List<String> arguments) {
    var command = new ArrayList<>(List.of(
        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
        "@" + Fixtures.path("bin/java.options"),
        "-Xmx512m", "-XX:+UseSerialGC",
        "-Dlayermesh.root=" + Fixtures.root(),
        "-Dlogback.configurationFile=logback.xml", // the one for tests is on the class path too
        "-cp", classPath(List.of())));
    command.addAll(flags);
    command.add("dev.layermesh.cli.Main");
    command.addAll(arguments);
    return command;
  }

  /** The class path of a child with entries more, for the flag that replaces the one it has otherwise. */
  static String classPath(List<Path> more) {
    String usual = packaged().map(Path::toString).orElse(CLASS_PATH);
    return Stream.concat(Stream.of(usual), more.stream().map(Path::toString))
        .collect(Collectors.joining(File.pathSeparator));
  }

  /**
   * The packaged command where the build has packaged it, whose manifest names everything else; a child runs it or the
   * classes and dependencies, never both: a library that is on the class path twice complains.
   */
  private static Optional<Path> packaged() {
    return Stream.of(CLASS_PATH.split(File.pathSeparator))
        .map(Path::of)
        .filter(entry -> entry.endsWith("layermesh.jar"))
        .findFirst();
  }

  /** Waits until stdout holds the pattern; fails when the process ends before. */
  Matcher awaitOut(Pattern pattern) {
    try {
      Await.until("stdout says " + pattern, STARTING, () -> !process.isAlive() || pattern.matcher(stdout()).find());
    } catch (AssertionError late) {
      throw new AssertionError(late.getMessage() + described(), late);
    }
    Matcher matcher = pattern.matcher(stdout());
    if (!matcher.find()) {
      throw new AssertionError("ended before stdout said " + pattern + described());
    }
    return matcher;
  }

  long pid() {
    return process.pid();
  }

  boolean isAlive() {
    return process.isAlive();
  }

  /** Asks it to end, as Ctrl-C and a supervisor do. */
  void terminate() {
    process.destroy();
  }

  /** Ends it as {@code kill -9} does. */
  void kill() {
    process.destroyForcibly();
    result();
  }

  /** Waits for its end. */
  Result result() {
    try {
      if (!process.waitFor(ENDING.toMillis(), TimeUnit.MILLISECONDS)) {
        throw new AssertionError("did not end within " + ENDING + described());
      }
      return new Result(process.exitValue(), stdout(), stderr());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new AssertionError("interrupted while waiting for the end" + described(), e);
    }
  }

  String stdout() {
    return read(out);
  }

  /** Stderr without the line that the JVM itself prints; the launcher drops it too. */
  String stderr() {
    return read(err).replaceFirst("(?m)^WARNING: Using incubator modules.*\\R", "");
  }

  /** The output so far, for the message of a failed test. */
  String described() {
    String state = process.isAlive() ? "alive" : "status " + process.exitValue();
    return "\n[" + name + ": " + state + "]\n" + stdout() + stderr();
  }

  private static String read(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  public void close() {
    process.descendants().forEach(ProcessHandle::destroyForcibly);
    kill();
  }
}
