package dev.layermesh.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.layermesh.cli.process.Signals;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(120)
class GenerateCommandTest {
  private static final JsonMapper JSON = JsonMapper.builder().build();

  private static JsonNode golden() throws IOException {
    return JSON.readTree(Cli.MODEL.resolve("golden.json").toFile()).path("cases").path(0);
  }

  private static List<Integer> ids(JsonNode list) {
    return StreamSupport.stream(list.spliterator(), false).map(JsonNode::intValue).toList();
  }

  private static String commaSeparated(JsonNode list) {
    return ids(list).stream().map(String::valueOf).collect(Collectors.joining(","));
  }

  @ParameterizedTest
  @ValueSource(strings = {"self-speculative", "autoregressive"})
  void shouldContinueAsTheReferenceDoes(String strategy) throws IOException {
    JsonNode golden = golden();
    var result = Cli.run("generate", "--prompt-ids", commaSeparated(golden.path("prompt_ids")), "--exit-layer", "3",
        "--window", "4", "--max-tokens", "40", "--strategy", strategy, "--json");

    assertThat(result.err()).isEmpty();
    assertThat(result.status()).isZero();
    JsonNode json = JSON.readTree(result.out());
    assertThat(ids(json.path("token_ids"))).isEqualTo(ids(golden.path("greedy_ids")).subList(0, 40));
    assertThat(json.path("finish_reason").asText()).isEqualTo("length");
    assertThat(golden.path("greedy_text").asText()).startsWith(json.path("text").asText());
  }

  @Test
  void shouldPrintTheFieldsOfTheContractAndCountEveryRow() throws IOException {
    var result = Cli.run("generate", "--prompt", "ROMEO:", "--max-tokens", "24", "--seed", "7", "--json");

    JsonNode json = JSON.readTree(result.out());
    assertThat(json.fieldNames()).toIterable().containsExactly(
        "prompt_ids", "token_ids", "text", "finish_reason", "seed", "rounds", "draft_tokens", "accepted_tokens",
        "acceptance_rate", "mean_acceptance_length", "early_layer_rows", "late_layer_rows", "ttft_ms",
        "tokens_per_second");
    int rows = json.path("prompt_ids").size() - 1 + json.path("draft_tokens").asInt() + json.path("rounds").asInt();
    assertThat(json.path("early_layer_rows").asInt()).isEqualTo(rows);
    assertThat(json.path("late_layer_rows").asInt()).isEqualTo(rows);
    assertThat(json.path("token_ids")).hasSize(24);
    assertThat(json.path("seed").asLong()).isEqualTo(7);
    assertThat(json.path("tokens_per_second").asDouble()).isPositive();
  }

  @Test
  void shouldSampleTheSameTextForTheSameSeedWhateverTheStrategy() {
    var speculative = Cli.run("generate", "--prompt", "ROMEO:", "--max-tokens", "24", "--temperature", "0.8",
        "--seed", "11");
    var plain = Cli.run("generate", "--prompt", "ROMEO:", "--max-tokens", "24", "--temperature", "0.8",
        "--seed", "11", "--strategy", "autoregressive");

    assertThat(speculative.out()).isEqualTo(plain.out()).isNotBlank();
  }

  @Test
  void shouldReadThePromptFromStandardInput() {
    var read = Cli.runWithInput("KING HENRY:", "generate", "--prompt", "-", "--max-tokens", "8");
    var given = Cli.run("generate", "--prompt", "KING HENRY:", "--max-tokens", "8");

    assertThat(read.out()).isEqualTo(given.out()).isNotBlank().endsWith("\n");
  }

  @Test
  void shouldShowDraftsDimmedAndThenWhatBecameOfThem() {
    var colored = Cli.run("generate", "--prompt", "ROMEO:", "--max-tokens", "16", "--color");
    var plain = Cli.run("generate", "--prompt", "ROMEO:", "--max-tokens", "16");

    assertThat(colored.out()).contains("\u001b[2m").contains("\u001b[32m").contains("\u001b[33m");
    // What a terminal shows in the end: dimmed text is drawn, the cursor moves back, and the text is erased.
    String left = colored.out().replaceAll("\u001b7.*?\u001b8", "").replaceAll("\u001b\\[[0-9?]*[A-Za-z]", "");
    assertThat(left.strip()).isEqualTo(plain.out().strip());
  }

  @Test
  void shouldStopCleanlyWhenASignalComes() {
    var signals = new Signals();
    signals.raise();
    var result = Cli.run(Cli.environment("", signals), "generate", "--prompt", "ROMEO:", "--max-tokens", "1000",
        "--ignore-eos", "--json");

    assertThat(result.status()).isZero();
    assertThat(result.out()).contains("\"finish_reason\":\"cancelled\"");
    assertThat(Thread.interrupted()).isFalse();
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', value = {
      "--exit-layer 8|exit_layer=8: must be between 1 and 7",
      "--prompt-ids 5,2048|prompt_ids=2048: must be between 0 and 2047",
      "--prompt-ids -1|--prompt-ids: ids[0]=-1: a token id is 0 or more",
      "--prompt-ids x|--prompt-ids=x: 'x' is not an int",
      "--prompt x --device cuda:0|device=cuda:0: ",
      "--prompt x --device tpu|device=tpu: ",
      "--prompt x --backend abacus|backend=abacus: ",
      "--prompt x --model no-such-folder|no-such-folder",
      "--prompt x --window 65|window=65: must be between 0 and 64",
      "--prompt x --max-tokens 0|--max-tokens=0: must be 1 or more",
      "--prompt x --kv-type q4_0|--kv-type=q4_0: must be f32 or q8_0",
      "--prompt x --threads 0|--threads=0: must be 1 or more",
      "--prompt x --top-p 1.5|top_p=1.5: must be above 0 and at most 1",
      "--prompt x --temperature -1|temperature=-1.0: must be between 0 and 100",
      "--prompt x --strategy magic|--strategy=magic: expected one of",
      "--prompt x --json --color|--color: cannot be combined with --json",
      "--prompt x --prompt-ids 1|--prompt=TEXT",
      "--prompt x --nonsense|--nonsense: unknown option",
      "--prompt x --connect nowhere|--connect=nowhere: must be http://HOST:PORT",
      "--prompt x --connect http://127.0.0.1:9 --device cpu|--device=cpu: ",
      "--json|(--prompt=TEXT"})
  void shouldNameWhatIsWrongInOneLine(String options, String expected) {
    String prompt = options.contains("--exit-layer") ? " --prompt x" : "";
    var result = Cli.run(("generate " + options + prompt).split(" "));

    assertThat(result.err()).startsWith("layermesh: ").contains(expected).hasLineCount(1);
    assertThat(result.status()).isEqualTo(2);
    assertThat(result.out()).isEmpty();
  }

  @Test
  void shouldRefuseAPromptThatFillsTheContext() {
    var result = Cli.run("generate", "--prompt", "O ".repeat(1200));

    assertThat(result.err()).startsWith("layermesh: prompt=").contains("in the context of 1024").hasLineCount(1);
    assertThat(result.status()).isEqualTo(2);
  }

  @Test
  @EnabledOnOs(OS.LINUX)
  void shouldSayTheSameOnPinnedCores() {
    var pinned = Cli.run(
        "generate", "--prompt", "ROMEO:", "--max-tokens", "8", "--threads", "1", "--pin-cores", "on");
    assertThat(pinned.err()).isEmpty();
    assertThat(pinned).isEqualTo(Cli.run("generate", "--prompt", "ROMEO:", "--max-tokens", "8"));
  }

  @Test
  @EnabledOnOs(OS.LINUX)
  void shouldRefuseToPinMoreThreadsThanThereAreCores() {
    var result = Cli.run("generate", "--prompt", "x", "--threads", "9999", "--pin-cores", "on");

    assertThat(result.err())
        .startsWith("layermesh: --pin-cores=on: 9999 threads (--threads) would each need one of the ")
        .hasLineCount(1);
    assertThat(result.status()).isEqualTo(2);
    assertThat(Cli.run("generate", "--prompt", "x", "--pin-cores", "2").err())
        .isEqualTo("layermesh: --pin-cores=2: must be on or off\n");
  }

  @Test
  void shouldFailTheRunWhenNoGatewayAnswers() {
    var result = Cli.run("generate", "--prompt", "x", "--connect", "http://127.0.0.1:9");

    assertThat(result.err()).isEqualTo("layermesh: http://127.0.0.1:9: nothing answers there\n");
    assertThat(result.status()).isEqualTo(1);
  }

  @Test
  void shouldAddTheStackTraceWhenAskedTo() {
    var result = Cli.run("generate", "--prompt", "x", "--exit-layer", "99", "--verbose");

    assertThat(result.err()).startsWith("layermesh: exit_layer=99").contains("\tat dev.layermesh.");
  }

  @Test
  void shouldRunACheckpointThatIsNotTheBundledOne() throws IOException {
    Path folder = Cli.ROOT.resolve("testkit/fixtures/tiny-llama2-mha-untied-f32");
    JsonNode golden = JSON.readTree(folder.resolve("golden.json").toFile()).path("cases").path(0);
    var result = Cli.run("generate", "--model", folder.toString(), "--prompt-ids",
        commaSeparated(golden.path("prompt_ids")), "--max-tokens", "8", "--ignore-eos", "--json");

    assertThat(ids(JSON.readTree(result.out()).path("token_ids")))
        .isEqualTo(ids(golden.path("greedy_ids")).subList(0, 8));
  }
}
