package dev.layermesh.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Windows and sampling values of commands that name none: the checkpoint decides. */
@Timeout(180)
class ModelDefaultsTest {
  private static final JsonMapper JSON = JsonMapper.builder().build();
  private static final String NOTICE =
      "No drafts: neither the checkpoint nor --exit-layer names an exit layer; --window K drafts anyway.\n";

  @TempDir
  private static Path models;
  private static String unnamed;
  private static String recommending;

  @TempDir
  private Path folder;

  @BeforeAll
  static void makeModels() throws IOException {
    unnamed = copy("unnamed", "config.json", Files.readString(Cli.MODEL.resolve("config.json"))
        .replaceFirst(",\\s*\"exit_layer\": 3", ""));
    recommending = copy("recommending", "generation_config.json", """
        {"eos_token_id": 1, "do_sample": true, "temperature": 0.8, "top_k": 5, "top_p": 0.9}""");
  }

  /** The bundled model with one file of other content. */
  private static String copy(String name, String changed, String content) throws IOException {
    Path copy = Files.createDirectories(models.resolve(name));
    try (Stream<Path> files = Files.list(Cli.MODEL)) {
      for (Path file : files.toList()) {
        Files.copy(file, copy.resolve(file.getFileName()));
      }
    }
    Files.writeString(copy.resolve(changed), content);
    return copy.toString();
  }

  private static Cli.Result generate(String... options) {
    Stream<String> common = Stream.of("generate", "--prompt-ids", "862,29", "--max-tokens", "12", "--json");
    return Cli.run(Stream.concat(common, Arrays.stream(options)).toArray(String[]::new));
  }

  private static JsonNode made(Cli.Result result) throws IOException {
    assertThat(result.status()).as(result.err()).isZero();
    return JSON.readTree(result.out());
  }

  private static long drafted(Cli.Result result) throws IOException {
    return made(result).path("draft_tokens").longValue();
  }

  private static JsonNode tokens(Cli.Result result) throws IOException {
    return made(result).path("token_ids");
  }

  @Test
  void shouldDraftNothingWhereNoExitLayerIsNamedAndSaySo() throws IOException {
    var result = generate("--model", unnamed);

    assertThat(drafted(result)).isZero();
    assertThat(result.err()).isEqualTo(NOTICE);
    assertThat(tokens(result)).isEqualTo(tokens(generate()));
    assertThat(Cli.runWithInput("Speak.\n", "chat", "--model", unnamed, "--max-tokens", "2").err()).isEqualTo(NOTICE);
  }

  @Test
  void shouldDraftWhereTheWindowOrTheExitLayerIsNamed() throws IOException {
    for (List<String> named : List.of(
        List.of("--model", unnamed, "--window", "2"), List.of("--model", unnamed, "--exit-layer", "2"))) {
      var result = generate(named.toArray(String[]::new));
      assertThat(drafted(result)).as(named.toString()).isPositive();
      assertThat(result.err()).isEmpty();
    }
    assertThat(drafted(generate())).isPositive();
    assertThat(drafted(generate("--window", "0"))).isZero();
  }

  @Test
  void shouldServeTheWindowThatSuitsTheModel() throws Exception {
    try (var serve = new Running("serve", "--port", "0", "--model", unnamed)) {
      String url = "http://" + serve.awaitOut("at http://(\\S+) \\(page[\\s\\S]*Try:").group(1);
      assertThat(serve.awaitOut("(?s).*").group()).contains("\n" + NOTICE);

      var quiet = generate("--connect", url);
      assertThat(drafted(quiet)).isZero();
      assertThat(quiet.err()).isEmpty();
      assertThat(drafted(generate("--connect", url, "--window", "3"))).isPositive();
    }
    try (var serve = new Running("serve", "--port", "0", "--model", unnamed, "--window", "2")) {
      String url = "http://" + serve.awaitOut("at http://(\\S+) \\(page[\\s\\S]*Try:").group(1);
      assertThat(serve.awaitOut("(?s).*").group()).doesNotContain("No drafts");
      assertThat(drafted(generate("--connect", url))).isPositive();
    }
  }

  @Test
  void shouldCompareDraftsInCorrectnessWhateverSuitsTheModel() throws IOException {
    Path prompts = Files.writeString(folder.resolve("prompts.jsonl"), "{\"prompt_ids\": [862, 29]}\n");
    var result = Cli.run("correctness", "--prompts", prompts.toString(), "--model", unnamed, "--max-tokens", "24");

    assertThat(result.status()).isZero();
    assertThat(result.out()).contains(": 0 differences").doesNotContain("acceptance rate 0.000");
  }

  @Test
  void shouldSampleAsTheCheckpointRecommends() throws IOException {
    JsonNode asked = tokens(generate("--seed", "11", "--temperature", "0.8", "--top-k", "5", "--top-p", "0.9"));
    JsonNode greedy = tokens(generate());

    assertThat(tokens(generate("--seed", "11", "--model", recommending))).isEqualTo(asked).isNotEqualTo(greedy);
    assertThat(tokens(generate("--seed", "11", "--model", recommending, "--temperature", "0"))).isEqualTo(greedy);
    assertThat(tokens(generate("--seed", "11", "--model", recommending, "--generation-config", "none")))
        .isEqualTo(greedy);
  }

  @Test
  void shouldRefuseAWrongRecommendationUnlessItIsIgnored() throws IOException {
    String wrong = copy("wrong", "generation_config.json", "{\"temperature\": -1}");
    var result = generate("--model", wrong);

    assertThat(result).isEqualTo(new Cli.Result(2, "", "layermesh: " + wrong
        + "/generation_config.json: temperature=-1.0: must be between 0 and 100\n"));
    assertThat(generate("--model", wrong, "--generation-config", "none").status()).isZero();
  }

  @Test
  void shouldInspectWindowAndRecommendations() throws IOException {
    assertThat(Cli.run("inspect").out())
        .contains("sampling       as asked, the checkpoint recommends nothing\n", "window         4 draft tokens\n");
    assertThat(Cli.run("inspect", "--model", recommending).out())
        .contains("sampling       temperature 0.8, top_k 5, top_p 0.9, the checkpoint's own\n");
    assertThat(Cli.run("inspect", "--model", unnamed).out()).contains("window         0, no exit layer is named\n");
    JsonNode json = JSON.readTree(Cli.run("inspect", "--json", "--model", recommending).out());
    assertThat(json.path("window").intValue()).isEqualTo(4);
    assertThat(json.path("generation_config").path("top_k").intValue()).isEqualTo(5);
  }

  @Test
  void shouldKeepTheValuesOfARunThatContinues() throws IOException {
    Path prompts = Files.writeString(folder.resolve("prompts.jsonl"), "{\"prompt_ids\": [862, 29]}\n");
    Path results = folder.resolve("results.jsonl");
    String[] command = {"generate", "--prompts", prompts.toString(), "--out", results.toString(), "--model",
        recommending, "--max-tokens", "2"};

    assertThat(Cli.run(command).status()).isZero();
    assertThat(Files.readString(results)).contains("\"temperature\":0.8,\"top_p\":0.9,\"top_k\":5");
    assertThat(Cli.run(command).status()).isZero();
  }
}
