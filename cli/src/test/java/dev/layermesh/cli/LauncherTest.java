package dev.layermesh.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The launcher in a tree of its own, with a fake Java and a fake Maven that print how they were called. */
@Tag("slow")
@Timeout(60)
class LauncherTest {
  private static final String JAVA = """
      #!/bin/sh
      echo "java $*"
      echo "WARNING: Using incubator modules: jdk.incubator.vector" >&2
      echo "from java" >&2
      exit 7
      """;
  private static final String MAVEN = """
      #!/bin/sh
      echo "maven $*"
      echo "[INFO] Scanning for projects..."
      echo "[INFO] Building LayerMesh engine 0.1.0-SNAPSHOT                          [3/9]"
      echo "[INFO] --- maven-compiler-plugin:3.16.0:compile (default-compile) @ layermesh-engine ---"
      echo "[ERROR] Some.java: broken" >&2
      mkdir -p "$TREE/cli/target/lib" && touch "$TREE/cli/target/layermesh.jar" "$TREE/cli/target/lib/some.jar"
      exit "${MAVEN_STATUS:-0}"
      """;

  @TempDir
  private Path folder;
  private Path tree;
  private Path source;

  @BeforeEach
  void plant() throws IOException {
    tree = Files.createDirectories(folder.resolve("a tree"));
    source = write("cli/src/main/java/Some.java", "class Some {}");
    for (String module : List.of(
        "decoding", "engine", "tokenizer", "mesh", "draft-service", "verify-service", "gateway", "cli")) {
      write(module + "/pom.xml", "<project/>");
    }
    write("pom.xml", "<project/>");
    write("bin/java.options", "");
    String launcher = Files.readString(Cli.ROOT.resolve("bin/layermesh"));
    String noUsualFolders = launcher.replaceFirst("(?m)^USUAL_JDKS=.*$", "USUAL_JDKS=()");
    assertThat(noUsualFolders).isNotEqualTo(launcher);
    executable(write("bin/layermesh", noUsualFolders));
    executable(write("jdk/bin/java", JAVA));
    write("jdk/release", "IMPLEMENTOR=\"Some\"\nJAVA_VERSION=\"25.0.1\"\n");
    executable(write("maven/mvn", MAVEN));
  }

  private Path write(String name, String text) throws IOException {
    Path file = tree.resolve(name);
    Files.createDirectories(file.getParent());
    return Files.writeString(file, text);
  }

  private static void executable(Path file) {
    assertThat(file.toFile().setExecutable(true)).isTrue();
  }

  private record Run(int status, String out, String err) {}

  private Run run(Path launcher, Map<String, String> environment, String... args) throws Exception {
    var command = new ArrayList<>(List.of(launcher.toString()));
    command.addAll(List.of(args));
    Path out = folder.resolve("out");
    Path err = folder.resolve("err");
    var builder = new ProcessBuilder(command)
        .directory(folder.toFile()).redirectOutput(out.toFile()).redirectError(err.toFile());
    builder.environment().clear();
    builder.environment().putAll(Map.of("PATH", tree.resolve("maven") + ":/usr/bin:/bin", "TREE", tree.toString(),
        "HOME", folder.toString()));
    builder.environment().putAll(environment);
    Process process = builder.start();
    try {
      assertThat(process.waitFor(30, TimeUnit.SECONDS)).isTrue();
    } finally {
      process.destroyForcibly();
    }
    return new Run(process.exitValue(), Files.readString(out, StandardCharsets.UTF_8), settled(err));
  }

  /** Java's early stderr goes through a filter, which may end shortly after Java. */
  private static String settled(Path err) throws Exception {
    long deadline = System.nanoTime() + 10_000_000_000L;
    String text = Files.readString(err);
    while (text.contains("building") && !text.contains("from java") && System.nanoTime() < deadline
        || text.isEmpty() && System.nanoTime() < deadline) {
      Thread.sleep(10); // between two looks
      text = Files.readString(err);
    }
    return text;
  }

  private Run runWithJdk(String... args) throws Exception {
    return run(tree.resolve("bin/layermesh"), Map.of("JAVA_HOME", tree.resolve("jdk").toString()), args);
  }

  @Test
  void shouldBuildOnceAndBecomeJava() throws Exception {
    Run first = runWithJdk("generate", "--prompt", "two words");
    assertThat(first.err()).contains("layermesh: building", "maven -B").contains("from java")
        .doesNotContain("incubator");
    assertThat(first.out()).startsWith("java @" + tree + "/bin/java.options ").endsWith(
        "-Dlayermesh.root=" + tree + " -Dlayermesh.terminal=false -Dlayermesh.filtered=true -jar " + latest()
            + " generate --prompt two words\n");
    assertThat(first.status()).isEqualTo(7);

    assertThat(runWithJdk("--help").err()).isEqualTo("from java\n");
  }

  @Test
  void shouldSayWhichModuleItBuildsAndWhatMavenWarnsOf() throws Exception {
    assertThat(runWithJdk("--help").err())
        .contains("layermesh: building engine (3/9)\n", "[ERROR] Some.java: broken\n")
        .doesNotContain("[INFO]", "\033", "\r");
  }

  @Test
  void shouldBuildAgainWhatIsOlderThanItsSources() throws Exception {
    runWithJdk("--help");
    Files.setLastModifiedTime(source, FileTime.from(Instant.now().plusSeconds(60)));

    assertThat(runWithJdk("--help").err()).contains("layermesh: building");
  }

  private Path latest() throws IOException {
    Path runs = tree.resolve("cli/target/run");
    return runs.resolve(Files.readString(runs.resolve("latest")).strip()).resolve("layermesh.jar");
  }

  @Test
  void shouldLeaveARunningJvmItsFilesAndRemoveThoseOfAnEndedOne() throws Exception {
    executable(write("jdk/bin/java",
        "#!/bin/sh\necho up\necho from java >&2\nif [ \"$HOLD\" ]; then exec sleep 60; fi\n"));
    String jdk = tree.resolve("jdk").toString();
    var builder = new ProcessBuilder(tree.resolve("bin/layermesh").toString(), "serve");
    builder.environment().putAll(Map.of("PATH", tree.resolve("maven") + ":/usr/bin:/bin", "TREE", tree.toString(),
        "JAVA_HOME", jdk, "HOLD", "yes"));
    Process server = builder.redirectOutput(folder.resolve("server").toFile()).start();
    try {
      awaitText(folder.resolve("server"), "up");
      Path held = latest();
      Files.setLastModifiedTime(source, FileTime.from(Instant.now().plusSeconds(60)));
      runWithJdk("--help");

      assertThat(latest()).isNotEqualTo(held);
      assertThat(held).exists();
      assertThat(held.resolveSibling("lib/some.jar")).exists();

      server.destroyForcibly().waitFor();
      runWithJdk("--help");

      assertThat(held).doesNotExist();
      assertThat(latest()).exists();
    } finally {
      server.destroyForcibly();
    }
  }

  private static void awaitText(Path file, String text) throws Exception {
    long deadline = System.nanoTime() + 30_000_000_000L;
    while (!Files.readString(file).contains(text)) {
      assertThat(System.nanoTime()).isLessThan(deadline);
      Thread.sleep(10); // between two looks
    }
  }

  @Test
  void shouldBuildAgainWhenAFileIsGone() throws Exception {
    runWithJdk("--help");
    Files.delete(source);
    Files.setLastModifiedTime(source.getParent(), FileTime.from(Instant.now().plusSeconds(60)));

    assertThat(runWithJdk("--help").err()).contains("layermesh: building");
  }

  @Test
  void shouldWorkThroughLinksFromAnyFolder() throws Exception {
    Path link = Files.createSymbolicLink(folder.resolve("lm"), Path.of("a tree/bin/layermesh"));
    Path second = Files.createSymbolicLink(folder.resolve("lm2"), link);
    Run run = run(second, Map.of("JAVA_HOME", tree.resolve("jdk").toString()), "inspect");

    assertThat(run.out()).contains("-Dlayermesh.root=" + tree).endsWith(" inspect\n");
    assertThat(run.status()).isEqualTo(7);
  }

  @Test
  void shouldFindTheJdkOnThePath() throws Exception {
    String path = tree.resolve("jdk/bin") + ":" + tree.resolve("maven") + ":/usr/bin:/bin";

    assertThat(run(tree.resolve("bin/layermesh"), Map.of("PATH", path), "inspect").status()).isEqualTo(7);
  }

  @Test
  void shouldSayInOneLineThatThereIsNoJdk() throws Exception {
    write("jdk/release", "JAVA_VERSION=\"17.0.15\"\n");
    Run run = run(tree.resolve("bin/layermesh"), Map.of("JAVA_HOME", tree.resolve("jdk").toString()), "inspect");

    assertThat(run.err()).startsWith("layermesh: JAVA_HOME=" + tree + "/jdk: no JDK 25 or later there")
        .contains("openjdk-25-jdk", "JAVA_HOME").hasLineCount(1);
    assertThat(run.status()).isEqualTo(2);
    assertThat(run.out()).isEmpty();
  }

  @Test
  void shouldSayInOneLineThatThereIsNoMaven() throws Exception {
    Files.delete(tree.resolve("maven/mvn"));
    Path tools = Files.createDirectories(folder.resolve("tools"));
    for (String tool : List.of("bash", "env", "dirname", "readlink", "find", "flock", "grep", "mkdir", "realpath")) {
      executable(Files.writeString(tools.resolve(tool), "#!/bin/sh\nexec /usr/bin/" + tool + " \"$@\"\n"));
    }
    Run run = run(tree.resolve("bin/layermesh"),
        Map.of("JAVA_HOME", tree.resolve("jdk").toString(), "PATH", tools.toString()), "inspect");

    assertThat(run.err()).startsWith("layermesh: mvn: not found on PATH").hasLineCount(1);
    assertThat(run.status()).isEqualTo(2);
  }

  @Test
  void shouldRunNothingAfterAFailedBuild() throws Exception {
    Run run = run(tree.resolve("bin/layermesh"),
        Map.of("JAVA_HOME", tree.resolve("jdk").toString(), "MAVEN_STATUS", "1"), "inspect");

    assertThat(run.err()).endsWith("layermesh: the build failed: Maven says why above\n");
    assertThat(run.status()).isEqualTo(1);
    assertThat(run.out()).isEmpty();
    assertThat(tree.resolve("cli/target/layermesh.jar")).doesNotExist();
    assertThat(tree.resolve("cli/target/run/latest")).doesNotExist();
  }
}
