package dev.layermesh.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.layermesh.cli.complete.Completer;
import dev.layermesh.cli.complete.Completion;
import dev.layermesh.cli.complete.CompletionListener;
import dev.layermesh.cli.complete.CompletionRequest;
import dev.layermesh.cli.complete.LocalCompleter;
import dev.layermesh.cli.complete.ModelStamp;
import dev.layermesh.cli.process.Signals;
import dev.layermesh.decoding.TokenIds;
import dev.layermesh.decoding.WindowPolicy;
import dev.layermesh.tokenizer.GenerationDefaults;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

@Tag("slow")
@Timeout(120)
class CorrectnessCommandTest {
  @TempDir
  private Path folder;
  private Path prompts;

  @BeforeEach
  void writePrompts() throws IOException {
    prompts = Files.writeString(folder.resolve("prompts.jsonl"), """
        {"prompt": "ROMEO:", "id": 1}

        {"prompt_ids": [862, 29]}
        {"turns": ["Speak, speak.", "More."]}
        {"prompt": 7}
        {"prompt": "%s"}
        not json
        {"prompt_ids": [1, 2048]}
        """.formatted("O ".repeat(1100)));
  }

  @Test
  void shouldFindNoDifferenceAndNameWhatItSkipped() {
    var result = Cli.run("correctness", "--prompts", prompts.toString(), "--max-tokens", "12");

    assertThat(result.err()).isEmpty();
    assertThat(result.status()).isZero();
    assertThat(result.out().lines()).satisfiesExactly(
        line -> assertThat(line).startsWith(prompts + ":5: skipped: must be an object with prompt"),
        line -> assertThat(line).startsWith(prompts + ":6: skipped: prompt=").contains("context of 1024"),
        line -> assertThat(line).startsWith(prompts + ":7: skipped: not valid JSON"),
        line -> assertThat(line).startsWith(prompts + ":8: skipped: prompt_ids=2048"),
        line -> assertThat(line).startsWith(
            "3 prompts, 36 tokens compared: 0 differences, 4 skipped (1 too long, 3 malformed); acceptance rate "));
  }

  @Test
  void shouldCompareSampledTokensToo() {
    var result = Cli.run("correctness", "--prompts", prompts.toString(), "--max-tokens", "12", "--limit", "2",
        "--temperature", "0.9", "--seed", "3", "--json");

    assertThat(result.status()).isZero();
    assertThat(result.out()).contains("\"prompts\":2,\"tokens\":24,\"differences\":0");
  }

  @Test
  void shouldPrintTheFirstDifferingPositionAndFail() {
    var err = new StringWriter();
    var out = new StringWriter();
    var command = new CorrectnessCommand(
        Cli.environment("", new Signals()),
        (options, environment) -> new Faulty(LocalCompleter.open(options, environment)));
    int status = new CommandLine(command).setOut(new PrintWriter(out)).setErr(new PrintWriter(err))
        .execute("--prompts", prompts.toString(), "--max-tokens", "12", "--limit", "1");

    assertThat(status).isEqualTo(1);
    assertThat(out.toString()).startsWith(prompts + ":1: differs at generated token 5: self-speculative has 0, ")
        .contains("1 prompts, 12 tokens compared: 1 differences");
    assertThat(err.toString()).isEmpty();
  }

  @Test
  void shouldRefuseARuleUnderWhichTwoRightRunsDiffer() {
    var result = Cli.run(
        "correctness", "--prompts", prompts.toString(), "--temperature", "1", "--acceptance", "classic");

    assertThat(result.err()).startsWith("layermesh: --acceptance=classic: ").hasLineCount(1);
    assertThat(result.status()).isEqualTo(2);
  }

  @Test
  void shouldRefuseAFileWithoutAnyPrompt() throws IOException {
    Path empty = Files.writeString(folder.resolve("empty.jsonl"), "\n[]\n");
    var result = Cli.run("correctness", "--prompts", empty.toString());

    assertThat(result.err()).startsWith("layermesh: " + empty + ": holds no prompt to compare").hasLineCount(1);
    assertThat(result.status()).isEqualTo(2);
    assertThat(Cli.run("correctness", "--prompts", "absent.jsonl").err())
        .isEqualTo("layermesh: absent.jsonl: no such file\n");
    assertThat(Cli.run("correctness").err()).contains("--prompts").hasLineCount(1);
  }

  @Test
  void shouldNotPassWhenItWasInterrupted() {
    var signals = new Signals();
    signals.raise();
    var result = Cli.run(Cli.environment("", signals), "correctness", "--prompts", prompts.toString());

    assertThat(result.status()).isEqualTo(1);
    assertThat(result.err()).isEqualTo("layermesh: interrupted: not all prompts were compared\n");
  }

  /** Changes one token of every self-speculative answer. */
  private record Faulty(Completer completer) implements Completer {
    @Override
    public Completion complete(CompletionRequest request, CompletionListener listener) {
      Completion made = completer.complete(request, listener);
      if (request.window().equals(WindowPolicy.AUTOREGRESSIVE)) {
        return made;
      }
      int[] ids = made.tokenIds().toArray();
      ids[5] = 0;
      return new Completion(made.promptIds(), TokenIds.of(ids), made.text(), made.finishReason(), made.seed(),
          made.counters());
    }

    @Override
    public ModelStamp stamp() {
      return completer.stamp();
    }

    @Override
    public WindowPolicy usualWindow() {
      return completer.usualWindow();
    }

    @Override
    public GenerationDefaults generationDefaults() {
      return completer.generationDefaults();
    }

    @Override
    public int contextLength() {
      return completer.contextLength();
    }

    @Override
    public boolean hasChatTemplate() {
      return completer.hasChatTemplate();
    }

    @Override
    public void close() {
      completer.close();
    }
  }
}
