package dev.layermesh.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.layermesh.cli.complete.CheckpointFiles;
import dev.layermesh.cli.process.Signals;
import dev.layermesh.decoding.TokenIds;
import dev.layermesh.engine.checkpoint.Checkpoint;
import dev.layermesh.tokenizer.Tokenizer;
import dev.layermesh.tokenizer.TokenizerFiles;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Every command that takes a checkpoint takes a GGUF file. */
@Timeout(120)
class GgufCommandsTest {
  private static final JsonMapper JSON = JsonMapper.builder().build();
  private static final Path FIXTURES = Cli.ROOT.resolve("testkit/fixtures/gguf");

  /** On the scalar backend, which computes in float32 as the reference does; the others quantize rows to 8 bits. */
  @ParameterizedTest
  @ValueSource(strings = {"Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1"})
  void shouldReadPromptsAndContinueAsTheReferenceDoes(String type) throws IOException {
    JsonNode cases = JSON.readTree(FIXTURES.resolve("golden.json").toFile()).path("cases").path(type);
    assertThat(cases).isNotEmpty();
    for (JsonNode golden : cases) {
      var result = Cli.run("generate", "--model", file(type), "--prompt", golden.path("prompt").textValue(),
          "--max-tokens", "64", "--ignore-eos", "--backend", "scalar", "--json");
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

  /** The gateway cannot read GGUF: it fetches the files that a folder would hold. */
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
    bytes[4] = 1;
    Path damaged = Files.write(temp.resolve("damaged.gguf"), bytes);
    var result = Cli.run("generate", "--model", damaged.toString(), "--prompt", "x");
    assertThat(result.err()).isEqualTo("layermesh: " + damaged
        + ": version=1: must be 2 or 3: convert the model again with llama.cpp's convert_hf_to_gguf.py\n");
    assertThat(result.status()).isEqualTo(2);
  }

  @ParameterizedTest
  @ValueSource(strings = {"q8_0", "q4_0"})
  void shouldQuantizeAtLoadAndKeepTheCopy(String format, @TempDir Path cache) throws IOException {
    JsonNode golden = JSON.readTree(FIXTURES.resolve("golden.json").toFile())
        .path("cases").path(format.toUpperCase(Locale.ROOT)).path(0);
    String[] command = {"generate", "--quantize", format, "--prompt", golden.path("prompt").textValue(),
        "--max-tokens", "64", "--ignore-eos", "--json"};
    var result = Cli.run(Cli.environment("", new Signals(), cache), command);
    assertThat(result.err()).isEmpty();
    assertThat(ints(JSON.readTree(result.out()).path("token_ids"))).isEqualTo(ints(golden.path("greedy_ids")));

    List<Path> kept = files(cache);
    assertThat(kept).singleElement().satisfies(
        copy -> assertThat(copy).hasFileName("layerskip-shakespeare-" + format + ".gguf"));
    FileTime made = Files.getLastModifiedTime(kept.getFirst());
    assertThat(Cli.run(Cli.environment("", new Signals(), cache), command).status()).isZero();
    assertThat(files(cache)).isEqualTo(kept);
    assertThat(Files.getLastModifiedTime(kept.getFirst())).isEqualTo(made);
  }

  @Test
  void shouldRefuseFormatsAndFilesThatCannotBeQuantized() {
    assertThat(Cli.run("generate", "--quantize", "q3_k", "--prompt", "x").err())
        .isEqualTo("layermesh: --quantize=q3_k: must be q8_0 or q4_0\n");
    var result = Cli.run("generate", "--quantize", "q8_0", "--model", file("Q4_0"), "--prompt", "x");
    assertThat(result.err())
        .startsWith("layermesh: --quantize=q8_0: is for folders with safetensors; ").hasLineCount(1);
    assertThat(result.status()).isEqualTo(2);
  }

  @Test
  void shouldConvertAFolderToAFileThatSaysTheSame(@TempDir Path temp) {
    String to = temp.resolve("bundled.gguf").toString();
    assertThat(Cli.run("convert", "--to", to)).isEqualTo(new Cli.Result(0, to + ": 6.8 MiB of weights\n", ""));
    String[] prompt = {"generate", "--prompt", "JULIET:", "--max-tokens", "32", "--temperature", "0.8", "--seed", "3"};
    String[] converted = Stream.concat(Stream.of(prompt), Stream.of("--model", to)).toArray(String[]::new);
    assertThat(Cli.run(converted).out()).isEqualTo(Cli.run(prompt).out());

    assertThat(Cli.run("convert", "--to", to))
        .isEqualTo(new Cli.Result(2, "", "layermesh: --to=" + to + ": must not exist yet\n"));
  }

  /**
   * What a file says without the tokenizer.json of its folder: tokens, types, merges or scores, and a pre-tokenizer's
   * name.
   */
  @ParameterizedTest
  @ValueSource(strings = {"models/layerskip-shakespeare", "testkit/fixtures/tiny-llama3-gqa-tied-bf16",
      "testkit/fixtures/tiny-llama2-mha-untied-f32"})
  void shouldTokenizeFromTheVocabularyAlone(String folder, @TempDir Path temp) throws IOException {
    Path file = temp.resolve("model.gguf");
    assertThat(Cli.run("convert", "--model", Cli.ROOT.resolve(folder).toString(), "--to", file.toString()).err())
        .isEmpty();
    String bytes = Files.readString(file, StandardCharsets.ISO_8859_1);
    Files.writeString(file, bytes.replaceFirst("tokenizer\\.huggingface\\.json", "tokenizer.huggingface.gone"),
        StandardCharsets.ISO_8859_1);
    String text = Files.readString(Cli.ROOT.resolve("testkit/fixtures/tinyshakespeare.txt")).substring(0, 20_000)
        + "Größe, naïve café — 数 🙂\r\n\n  12345 it's IT'S\t\u0000<|begin_of_text|><|eot_id|></s> end ";
    try (Checkpoint gguf = Checkpoint.open(file);
        Tokenizer made = Tokenizer.open(CheckpointFiles.of(gguf));
        Tokenizer original = Tokenizer.open(TokenizerFiles.read(Cli.ROOT.resolve(folder)))) {
      TokenIds expected = original.encode(text);
      assertThat(made.encode(text)).isEqualTo(expected);
      assertThat(made.encodeRendered(text)).isEqualTo(original.encodeRendered(text));
      assertThat(made.decode(expected)).isEqualTo(original.decode(expected));
      assertThat(made.decodeWithSpecialTokens(expected)).isEqualTo(original.decodeWithSpecialTokens(expected));
    }
  }

  private static List<Path> files(Path folder) throws IOException {
    try (Stream<Path> all = Files.walk(folder)) {
      return all.filter(Files::isRegularFile).toList();
    }
  }

  private static String file(String type) {
    return FIXTURES.resolve("shakespeare-" + type.toLowerCase(Locale.ROOT) + ".gguf").toString();
  }

  private static List<Integer> ints(JsonNode array) {
    return StreamSupport.stream(array.spliterator(), false).map(JsonNode::intValue).toList();
  }
}
