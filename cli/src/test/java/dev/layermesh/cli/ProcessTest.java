package dev.layermesh.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.layermesh.cli.process.JavaCommand;
import dev.layermesh.cli.process.Signals;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Exit codes, signals and encodings, which only a separate process can show. */
@Tag("slow")
@Timeout(120)
class ProcessTest {

  private static Process start(String... args) throws Exception {
    return new ProcessBuilder(JavaCommand.ofThisProcess(Cli.environment("", new Signals()), Main.class, List.of(args)))
        .start();
  }

  private static BufferedReader lines(Process process) {
    return new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
  }

  @Test
  void shouldStopAtSigtermWithWhatItHas() throws Exception {
    Process process = start("generate", "--prompt", "ROMEO:", "--max-tokens", "1000", "--ignore-eos");
    try (BufferedReader out = lines(process)) {
      out.readLine();
      assertThat(out.readLine()).isNotBlank(); // the answer is streamed
      process.toHandle().destroy();
      assertThat(process.waitFor(30, TimeUnit.SECONDS)).isTrue();
      assertThat(process.exitValue()).isZero();
    } finally {
      process.destroyForcibly();
    }
  }

  @Test
  void shouldKeepFinishedPromptsAtSigterm(@TempDir Path folder) throws Exception {
    Path prompts = Files.writeString(folder.resolve("prompts.jsonl"), "{\"prompt\": \"ROMEO:\"}\n".repeat(500));
    Process process =
        start("generate", "--prompts", prompts.toString(), "--max-tokens", "40", "--parallel", "2", "--ignore-eos");
    try (BufferedReader out = lines(process)) {
      assertThat(out.readLine()).startsWith("{\"line\":");
      process.toHandle().destroy();
      List<String> rest = out.lines().toList();
      assertThat(process.waitFor(30, TimeUnit.SECONDS)).isTrue();
      assertThat(process.exitValue()).isZero();
      assertThat(rest).hasSizeLessThan(499).allMatch(line -> line.startsWith("{\"line\":") && line.endsWith("}}"));
      assertThat(process.errorReader().lines().filter(line -> line.startsWith("layermesh:"))).isEmpty();
    } finally {
      process.destroyForcibly();
    }
  }

  @Test
  void shouldDrainAServerAtSigterm() throws Exception {
    Process process = start("serve", "--port", "0");
    try (BufferedReader out = lines(process)) {
      assertThat(out.readLine()).startsWith("Serving layerskip-shakespeare at http://127.0.0.1:");
      process.toHandle().destroy();
      assertThat(process.waitFor(40, TimeUnit.SECONDS)).isTrue();
      assertThat(process.exitValue()).isZero();
    } finally {
      process.destroyForcibly();
    }
  }

  @Test
  void shouldExitWithTheStatusOfTheCommand() throws Exception {
    Process process = start("inspect", "--exit-layer", "0");
    try (BufferedReader out = lines(process)) {
      assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
      assertThat(process.exitValue()).isEqualTo(2);
      assertThat(out.readLine()).isNull();
    } finally {
      process.destroyForcibly();
    }
  }
}
