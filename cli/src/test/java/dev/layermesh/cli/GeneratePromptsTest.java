package dev.layermesh.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.layermesh.cli.process.Environment;
import dev.layermesh.cli.process.Signals;
import java.io.FilterWriter;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.io.Writer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.SequencedMap;
import java.util.TreeMap;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(120)
class GeneratePromptsTest {
  private static final JsonMapper JSON = JsonMapper.builder().build();

  private static String settings; // of a run of the bundled model with 12 tokens and seed 3

  @TempDir
  private Path folder;
  private Path prompts;
  private Path results;

  @BeforeAll
  static void readSettings(@TempDir Path folder) throws IOException {
    Path one = Files.writeString(folder.resolve("one.jsonl"), "{\"prompt_ids\": [1]}");
    String line = Cli.run("generate", "--prompts", one.toString(), "--max-tokens", "12", "--seed", "3").out();
    settings = JSON.readTree(line).path("settings").toString();
  }

  @BeforeEach
  void writePrompts() throws IOException {
    results = folder.resolve("results.jsonl");
    prompts = Files.writeString(folder.resolve("prompts.jsonl"), """
        {"prompt": "ROMEO:", "id": "a"}

        {"prompt_ids": [862, 29], "id": 7}
        {"turns": ["Speak, speak.", "More."]}
        {"prompt": "KING HENRY:\\nWhat"}
        {"prompt": "My lord,"}
        """);
  }

  private Cli.Result generate(String... more) {
    return Cli.run(arguments(more));
  }

  private String[] arguments(String... more) {
    var all = new ArrayList<>(List.of("generate", "--prompts", prompts.toString(), "--max-tokens", "12"));
    all.addAll(List.of(more));
    return all.toArray(String[]::new);
  }

  private Cli.Result generateToFile(String... more) {
    var all = new ArrayList<>(List.of(more));
    all.addAll(List.of("--out", results.toString()));
    return generate(all.toArray(String[]::new));
  }

  /** The objects in some lines, by their line number. */
  private static SequencedMap<Integer, JsonNode> byLine(String text) throws JsonProcessingException {
    assertThat(text).endsWith("\n");
    var objects = new TreeMap<Integer, JsonNode>();
    for (String line : text.lines().toList()) {
      JsonNode object = JSON.readTree(line);
      assertThat(objects.put(object.path("line").asInt(), object)).as(line).isNull();
    }
    return objects;
  }

  /** The fields that do not depend on the clock. */
  private static List<String> tokens(String text) throws JsonProcessingException {
    return byLine(text).values().stream()
        .map(each -> each.path("line") + " " + each.path("seed") + " " + each.path("token_ids") + each.path("error"))
        .toList();
  }

  @Test
  void shouldGiveEveryPromptTheTokensItHasAlone() throws IOException {
    var result = generate("--temperature", "0.8", "--seed", "5", "--parallel", "3");

    assertThat(result.err()).isEmpty();
    assertThat(result.status()).isZero();
    SequencedMap<Integer, JsonNode> made = byLine(result.out());
    assertThat(made.keySet()).containsExactly(1, 3, 4, 5, 6);
    JsonNode line = made.get(3);
    assertThat(line.fieldNames()).toIterable().containsExactly(
        "line", "id", "prompt_ids", "token_ids", "text", "finish_reason", "seed", "rounds", "draft_tokens",
        "accepted_tokens", "acceptance_rate", "mean_acceptance_length", "early_layer_rows", "late_layer_rows",
        "ttft_ms", "tokens_per_second", "line_hash", "settings");
    assertThat(line.path("id").asInt()).isEqualTo(7);
    assertThat(made.get(1).path("id").asText()).isEqualTo("a");
    JsonNode alone = JSON.readTree(Cli.run("generate", "--prompt-ids", "862,29", "--max-tokens", "12",
        "--temperature", "0.8", "--seed", line.path("seed").asText(), "--json").out());
    assertThat(line.path("token_ids")).isEqualTo(alone.path("token_ids")).hasSize(12);
    assertThat(line.path("text")).isEqualTo(alone.path("text"));
    assertThat(made.values().stream().map(each -> each.path("seed")).distinct()).hasSize(5);
  }

  @Test
  void shouldGiveTheSameTokensHoweverManyRunTogether() throws IOException {
    String one = generate("--temperature", "1", "--seed", "9", "--parallel", "1").out();
    String all = generate("--temperature", "1", "--seed", "9", "--parallel", "32").out();

    assertThat(byLine(one).keySet()).containsExactlyElementsOf(
        one.lines().map(line -> Integer.valueOf(line.replaceAll("^\\{\"line\":(\\d+),.*", "$1"))).toList());
    assertThat(tokens(all)).isEqualTo(tokens(one));
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 3, 300})
  void shouldContinueWhereAKilledRunWasCut(int keptOfTheLastLine) throws IOException {
    assertThat(generateToFile("--temperature", "1", "--parallel", "2").status()).isZero(); // the seed is random
    String whole = Files.readString(results);
    List<String> lines = whole.lines().toList();
    String kept = String.join("\n", lines.subList(0, 3)) + "\n";
    Files.writeString(results, kept + lines.get(3).substring(0, keptOfTheLastLine));

    var again = generateToFile("--temperature", "1", "--parallel", "4");

    assertThat(again.err()).isEmpty();
    assertThat(again.out()).startsWith("2 prompts (and 3 before), 24 tokens, ").hasLineCount(1)
        .contains(": 0 failed, 0 skipped; acceptance rate ");
    assertThat(again.status()).isZero();
    assertThat(Files.readString(results)).startsWith(kept);
    assertThat(tokens(Files.readString(results))).isEqualTo(tokens(whole));
  }

  @Test
  void shouldDoNothingWhenAllIsDoneAndTheRestWhenPromptsWereAdded() throws IOException {
    generateToFile("--json");
    byte[] before = Files.readAllBytes(results);
    assertThat(generateToFile("--json").out()).startsWith(
        "{\"prompts\":0,\"prompts_before\":5,\"prompts_left\":0,\"failed\":0,\"skipped\":0,\"tokens\":0,");
    assertThat(results).hasBinaryContent(before);

    Files.writeString(prompts, "{\"prompt\": \"One more\"}\n", StandardOpenOption.APPEND);
    assertThat(generateToFile("--json").out()).startsWith("{\"prompts\":1,\"prompts_before\":5,");
    assertThat(byLine(Files.readString(results))).containsKey(7).hasSize(6);
  }

  @Test
  void shouldWriteALineForWhatFailsOrIsSkippedAndContinue() throws IOException {
    Files.writeString(prompts, """
        not json
        {"prompt": 7, "id": "b"}
        {"prompt": "%s", "id": "long"}
        {"prompt_ids": [1, 2048]}
        """.formatted("O ".repeat(1100)), StandardOpenOption.APPEND);
    var result = generateToFile("--parallel", "2");

    assertThat(result.err()).isEmpty();
    assertThat(result.out()).startsWith("5 prompts, 60 tokens, ").contains(": 2 failed, 2 skipped; ");
    assertThat(result.status()).isEqualTo(1);
    SequencedMap<Integer, JsonNode> made = byLine(Files.readString(results));
    assertThat(made).hasSize(9);
    assertThat(made.get(7).path("skipped").asText()).startsWith("not valid JSON");
    assertThat(made.get(8).path("skipped").asText()).startsWith("must be an object with prompt");
    assertThat(made.get(8).path("id").asText()).isEqualTo("b");
    assertThat(made.get(9).path("error").asText()).startsWith("prompt=").contains("context of 1024");
    assertThat(made.get(9).path("id").asText()).isEqualTo("long");
    assertThat(made.get(10).path("error").asText()).startsWith("prompt_ids=2048: must be between 0 and 2047");

    byte[] before = Files.readAllBytes(results);
    var again = generateToFile();
    assertThat(again.out()).startsWith("0 prompts (and 5 before), 0 tokens, ").contains(": 2 failed, 2 skipped; ");
    assertThat(again.status()).isEqualTo(1);
    assertThat(results).hasBinaryContent(before);
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', value = {
      "--max-tokens 13|max_tokens=12: is what its results were made with, and now it is 13: ",
      "--temperature 0.5|temperature=0.0: ",
      "--seed 8|seed=3: ",
      "--strategy autoregressive|window=4: ",
      "--exit-layer 4|exit_layer=3: ",
      "--ignore-eos|ignore_eos=false: ",
      "--backend scalar|arithmetic=",
      "--model testkit/fixtures/tiny-llama2-mha-untied-f32|model="})
  void shouldNotMixTheResultsOfOtherSettings(String other, String expected) throws IOException {
    String made = "{\"line\":1,\"token_ids\":[5],\"line_hash\":\"0\",\"settings\":%s}\n{\"line\":".formatted(settings);
    Files.writeString(results, made);
    var options = new ArrayList<String>();
    if (!other.contains("--max-tokens")) {
      options.addAll(List.of("--max-tokens", "12"));
    }
    options.addAll(List.of(other.replace("testkit/", Cli.ROOT + "/testkit/").split(" ")));
    options.addAll(List.of("--prompts", prompts.toString(), "--out", results.toString()));
    options.addFirst("generate");
    var result = Cli.run(options.toArray(String[]::new));

    assertThat(result.err()).startsWith("layermesh: " + results + ": " + expected).hasLineCount(1);
    assertThat(result.status()).isEqualTo(2);
    assertThat(result.out()).isEmpty();
    assertThat(results).hasContent(made);
  }

  @Test
  void shouldNotMixTheResultsOfOtherPrompts() throws IOException {
    generateToFile("--seed", "3");
    byte[] before = Files.readAllBytes(results);
    Files.writeString(prompts, Files.readString(prompts).replace("ROMEO", "JULIET"));
    var result = generateToFile("--seed", "3");

    assertThat(result.err()).isEqualTo("layermesh: " + results + ": line=1: is the result of another line than "
        + prompts + " has there: name another --out\n");
    assertThat(result.status()).isEqualTo(2);
    assertThat(results).hasBinaryContent(before);
  }

  @ParameterizedTest
  @CsvSource({"'a note'", "'a note\n'", "'{\"line\":1}\n'", "'\n'"})
  void shouldLeaveAFileOfSomethingElseAlone(String content) throws IOException {
    Files.writeString(results, content);
    var result = generateToFile();

    assertThat(result.err()).isEqualTo(
        "layermesh: " + results + ":1: is no result of generate --prompts: name another --out\n");
    assertThat(result.status()).isEqualTo(2);
    assertThat(Files.readString(results)).isEqualTo(content);
  }

  @Test
  void shouldNotWriteWhereAnotherRunDoes() throws IOException {
    try (var other = FileChannel.open(results, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
      assertThat(other.lock().isValid()).isTrue();

      assertThat(generateToFile().err()).isEqualTo(
          "layermesh: --out=" + results + ": another run writes to it\n");
    }
  }

  @Test
  void shouldKeepWhatIsFinishedWhenASignalComesAndContinueLater() throws IOException {
    String whole = generate("--temperature", "1", "--seed", "2").out();
    var signals = new Signals();
    var out = new StringWriter();
    var err = new StringWriter();
    int status = Layermesh.commandLine(
        Cli.environment("", signals), new PrintWriter(new RaisingAfterALine(out, signals)), new PrintWriter(err))
        .execute(arguments("--temperature", "1", "--seed", "2", "--parallel", "1"));

    assertThat(status).isZero();
    assertThat(err.toString()).isEmpty();
    assertThat(out.toString()).hasLineCount(1);
    Files.writeString(results, out.toString()); // standard output has the format of the file
    assertThat(generateToFile("--temperature", "1", "--seed", "2").out()).startsWith("4 prompts (and 1 before), ");
    assertThat(tokens(Files.readString(results))).isEqualTo(tokens(whole));
  }

  @Test
  void shouldTellAPersonOnATerminalWhatWasDone() throws IOException {
    var quiet = Cli.environment("", new Signals());
    var terminal = new Environment(quiet.home(), quiet.cache(), quiet.stdin(), true, quiet.signals());
    var result = Cli.run(terminal, arguments());

    assertThat(byLine(result.out())).hasSize(5);
    assertThat(result.err()).startsWith("5 prompts, 60 tokens, ").hasLineCount(1);
  }

  @Test
  void shouldLeaveNoFileWhenASignalCameBeforeAnyResult() {
    var signals = new Signals();
    signals.raise();
    var result = Cli.run(Cli.environment("", signals), arguments("--out", results.toString()));

    assertThat(result.status()).isZero();
    assertThat(result.err()).isEmpty();
    assertThat(result.out()).startsWith("0 prompts, 0 tokens, ").contains(", 5 left; ");
    assertThat(results).doesNotExist();
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', value = {
      "--prompts absent.jsonl|absent.jsonl: no such file",
      "--prompts EMPTY|EMPTY: holds no prompt: 1 skipped (malformed)",
      "--prompts PROMPTS --prompt x|--prompt=TEXT",
      "--prompts PROMPTS --parallel 0|--parallel=0: must be 1 or more",
      "--prompts PROMPTS --parallel x|--parallel=x: 'x' is not an int",
      "--prompts PROMPTS --max-tokens 0|--max-tokens=0: must be 1 or more",
      "--prompts PROMPTS --color|--color: cannot be combined with --prompts",
      "--prompts PROMPTS --out FOLDER|--out=FOLDER: must be a file",
      "--prompts PROMPTS --out FOLDER/absent/x|--out=FOLDER/absent/x: cannot be opened: no such folder",
      "--prompts PROMPTS --out FOLDER/x --model FOLDER|FOLDER/config.json: no such file",
      "--prompts PROMPTS --connect ws://127.0.0.1:9|--connect=ws://127.0.0.1:9: answers one prompt after the other",
      "--prompt x --parallel 2|--parallel=2: needs --prompts FILE",
      "--prompt x --out y|--out=y: needs --prompts FILE"})
  void shouldNameWhatIsWrongInOneLine(String options, String expected) throws IOException {
    Path empty = Files.writeString(folder.resolve("empty"), "\n[]\n");
    var result = Cli.run(("generate " + options).replace("PROMPTS", prompts.toString())
        .replace("EMPTY", empty.toString()).replace("FOLDER", folder.toString()).split(" "));

    assertThat(result.err()).hasLineCount(1).startsWith("layermesh: ")
        .contains(expected.replace("EMPTY", empty.toString()).replace("FOLDER", folder.toString()));
    assertThat(result.status()).isEqualTo(2);
    assertThat(result.out()).isEmpty();
    assertThat(folder.resolve("x")).doesNotExist();
  }

  /** Raises a signal as soon as a line is whole. */
  private static final class RaisingAfterALine extends FilterWriter {
    private final Signals signals;

    RaisingAfterALine(Writer out, Signals signals) {
      super(out);
      this.signals = signals;
    }

    @Override
    public void write(String text, int offset, int length) throws IOException {
      super.write(text, offset, length);
      if (text.contains("\n") && !signals.raised()) {
        signals.raise();
      }
    }
  }
}
