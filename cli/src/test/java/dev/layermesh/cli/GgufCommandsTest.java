package dev.layermesh.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** GGUF files wherever a checkpoint is asked for. */
@Timeout(120)
class GgufCommandsTest {
  private static final JsonMapper JSON = JsonMapper.builder().build();
  private static final Path FIXTURES = Cli.ROOT.resolve("testkit/fixtures/gguf");

  @ParameterizedTest
  @ValueSource(strings = {"Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1"})
  void shouldReadPromptsAndGoOnAsTheReferenceDoes(String type) throws IOException {
    JsonNode cases = JSON.readTree(FIXTURES.resolve("golden.json").toFile()).path("cases").path(type);
    assertThat(cases).isNotEmpty();
    for (JsonNode golden : cases) {
      var result = Cli.run("generate", "--model", file(type), "--prompt", golden.path("prompt").textValue(),
          "--max-tokens", "64", "--ignore-eos", "--json");
      assertThat(result.err()).isEmpty();
      JsonNode answer = JSON.readTree(result.out());
      assertThat(ints(answer.path("prompt_ids"))).isEqualTo(ints(golden.path("prompt_ids")));
      assertThat(ints(answer.path("token_ids"))).isEqualTo(ints(golden.path("greedy_ids")));
    }
  }

  @Test
  void shouldChatThroughTheTemplateOfTheFile() {
    var result = Cli.runWithInput("What say you?\n", "chat", "--model", file("Q4_0"), "--max-tokens", "8");
    assertThat(result.err()).isEmpty();
    assertThat(result.out()).isNotBlank();
  }

  @Test
  void shouldInspectAFile() {
    var result = Cli.run("inspect", "--model", file("Q5_1"));
    assertThat(result.out())
        .contains("model          shakespeare-q5_1\n", "Q5_1", "exit layer     3, the checkpoint's own");
  }

  @Test
  void shouldFindNoDifferenceBetweenStrategies(@TempDir Path temp) throws IOException {
    Path prompts = temp.resolve("prompts.jsonl");
    Files.writeString(prompts, "{\"prompt\": \"ROMEO:\"}\n{\"turns\": [\"What say you?\"]}\n");
    var result = Cli.run("correctness", "--model", file("Q4_0"), "--prompts", prompts.toString(), "--max-tokens", "24");
    assertThat(result.out()).startsWith("2 prompts, 48 tokens compared: 0 differences");
    assertThat(result.status()).isZero();
  }

  /** The gateway in it knows nothing of GGUF: it fetches the files that a folder would hold. */
  @Test
  void shouldServeAFile() throws InterruptedException, IOException {
    var serve = new Running("serve", "--port", "0", "--model", file("Q4_0"));
    try {
      String address = serve.awaitOut("Serving shakespeare-q4_0 at http://(\\S+) \\(page").group(1);
      var here = Cli.run("generate", "--model", file("Q4_0"), "--prompt", "ROMEO:", "--max-tokens", "16", "--json");
      var there = Cli.run("generate", "--connect", "http://" + address, "--prompt", "ROMEO:", "--max-tokens", "16",
          "--json");
      assertThat(there.err()).isEmpty();
      assertThat(JSON.readTree(there.out()).path("token_ids")).isEqualTo(JSON.readTree(here.out()).path("token_ids"));
    } finally {
      assertThat(serve.end().status()).isZero();
    }
  }

  @Test
  void shouldNameFileFieldAndValueOfADamagedFile(@TempDir Path temp) throws IOException {
    byte[] bytes = Files.readAllBytes(Path.of(file("Q4_0")));
    bytes[4] = 2;
    Path damaged = Files.write(temp.resolve("damaged.gguf"), bytes);
    var result = Cli.run("generate", "--model", damaged.toString(), "--prompt", "x");
    assertThat(result.err()).isEqualTo("layermesh: " + damaged + ": version=2: must be 3\n");
    assertThat(result.status()).isEqualTo(2);
  }

  private static String file(String type) {
    return FIXTURES.resolve("shakespeare-" + type.toLowerCase(Locale.ROOT) + ".gguf").toString();
  }

  private static List<Integer> ints(JsonNode array) {
    return StreamSupport.stream(array.spliterator(), false).map(JsonNode::intValue).toList();
  }
}
