package dev.layermesh.engine.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import dev.layermesh.engine.backend.BackendsTest;
import dev.layermesh.engine.backend.ForkedJvm;
import dev.layermesh.engine.cpu.kernels.NativeLibrary;
import dev.layermesh.testkit.Fixtures;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** Builds and machines without a C compiler run, and say what is missing. */
@Tag("slow")
@Timeout(60)
@DisabledOnOs(value = OS.WINDOWS, disabledReason = "the build compiles C on Unix only")
class NativeBuildTest {

  @Test
  void shouldBuildWithoutACompilerAndSayThatJavaWillRun(@TempDir Path temp) throws Exception {
    String script = Fixtures.path("engine/src/main/c/build.sh").toString();
    var builder = new ProcessBuilder("sh", script, temp.toString()).redirectErrorStream(true);
    builder.environment().put("CC", "no-such-compiler");
    Process process = builder.start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor(30, TimeUnit.SECONDS)).isTrue();
    assertThat(process.exitValue()).as(output).isZero();
    assertThat(output.lines()).hasSize(1).first().asString()
        .startsWith("layermesh: no C ").endsWith(": the Java kernels will run");
    assertThat(temp).isEmptyDirectory();
  }

  /** The classes of the program, copied without the library that the build may have put beside them. */
  @Test
  void shouldRunJavaAndSayInOneLineThatThisBuildHasNoLibrary(@TempDir Path temp) throws Exception {
    String classPath = System.getProperty("java.class.path");
    Path classes = Path.of(NativeLibrary.class.getProtectionDomain().getCodeSource().getLocation().toURI());
    assertThat(classes).isDirectory();
    copyWithoutLibrary(classes, temp);
    List<String> flags = List.of("--add-modules", "jdk.incubator.vector");
    String without = classPath.replace(classes.toString(), temp.toString());
    String output = ForkedJvm.run(flags, without, BackendsTest.Opening.class, "auto");
    assertThat(output.lines().filter(line -> line.contains("backend "))).hasSize(1).first().asString()
        .contains("backend vector instead of the faster native: no C kernels for ")
        .endsWith(" in this build: build on such a machine with a C compiler (cc) on PATH");
    assertThat(output).contains("lanes16-f32");
    assertThat(ForkedJvm.run(flags, without, BackendsTest.Opening.class, "native"))
        .contains("backend=native: no C kernels for ");
  }

  private static void copyWithoutLibrary(Path classes, Path to) throws IOException {
    try (Stream<Path> files = Files.walk(classes)) {
      for (Path file : files.filter(Files::isRegularFile).toList()) {
        Path relative = classes.relativize(file);
        if (!relative.startsWith("native")) {
          Path copy = to.resolve(relative);
          Files.createDirectories(copy.getParent());
          Files.copy(file, copy);
        }
      }
    }
  }
}
