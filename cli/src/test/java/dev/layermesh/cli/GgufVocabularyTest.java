package dev.layermesh.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.layermesh.engine.checkpoint.Checkpoint;
import dev.layermesh.engine.gguf.GgufWriter;
import dev.layermesh.tokenizer.Tokenizer;
import dev.layermesh.tokenizer.TokenizerFiles;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Token ids that vocabularies of GGUF files give, compared with ids of other implementations. */
@Timeout(120)
class GgufVocabularyTest {
  private static final JsonMapper JSON = JsonMapper.builder().build();
  private static final Path FIXTURES = Cli.ROOT.resolve("testkit/fixtures");
  private static final Path LLAMA2 = FIXTURES.resolve("tiny-llama2-mha-untied-f32");

  @TempDir
  private Path temp;

  @ParameterizedTest
  @ValueSource(strings = {"tekken", "falcon3", "smaug-bpe", "deepseek-llm", "deepseek-coder", "default"})
  void shouldCutTextsAsTheModelsOfAPreTokenizerDo(String name) throws IOException {
    JsonNode golden = JSON.readTree(FIXTURES.resolve("pre_tokenizers.json").toFile());
    List<String> tokens = texts(golden.path("tokens"));
    int[] types = IntStream.range(0, tokens.size()).map(id -> id < 3 ? 3 : 1).toArray();
    GgufWriter file = model(tokens)
        .text("tokenizer.ggml.model", "gpt2").text("tokenizer.ggml.pre", name)
        .flag("tokenizer.ggml.add_bos_token", false)
        .integers("tokenizer.ggml.token_type", types)
        .texts("tokenizer.ggml.merges", texts(golden.path("merges")));
    try (Tokenizer tokenizer = tokenizer(file)) {
      List<String> texts = texts(golden.path("texts"));
      for (int i = 0; i < texts.size(); i++) {
        assertThat(tokenizer.encodeRendered(texts.get(i)).toArray()).as(texts.get(i))
            .isEqualTo(ints(golden.path("ids").path(name).path(i)));
      }
    }
  }

  /** The tokenizer.json of the folder is the reference: no score gives the order of its merges. */
  @Test
  void shouldMergeByRankWhereAllScoresAreEqual() throws IOException {
    JsonNode original = JSON.readTree(LLAMA2.resolve("tokenizer.json").toFile());
    String[] tokens = new String[original.at("/model/vocab").size()];
    original.at("/model/vocab").properties().forEach(token -> tokens[token.getValue().intValue()] = token.getKey());
    List<String> merges = new ArrayList<>();
    original.at("/model/merges").forEach(merge -> merges.add(
        merge.isArray() ? merge.path(0).textValue() + " " + merge.path(1).textValue() : merge.textValue()));
    int[] types = Arrays.stream(tokens).mapToInt(token -> token.matches("<0x..>") ? 6 : 1).toArray();
    types[0] = 2;
    types[1] = 3;
    types[2] = 3;
    GgufWriter file = model(List.of(tokens))
        .text("tokenizer.ggml.model", "llama").text("tokenizer.ggml.pre", "default")
        .integer("tokenizer.ggml.bos_token_id", 1).integer("tokenizer.ggml.unknown_token_id", 0)
        .integers("tokenizer.ggml.token_type", types)
        .numbers("tokenizer.ggml.scores", new float[tokens.length])
        .texts("tokenizer.ggml.merges", merges);
    String text = Files.readString(FIXTURES.resolve("tinyshakespeare.txt")).substring(0, 20_000)
        + "Größe, naïve café — 数 🙂\n";
    try (Tokenizer made = tokenizer(file);
        Tokenizer reference = Tokenizer.open(TokenizerFiles.read(LLAMA2))) {
      assertThat(made.encode(text)).isEqualTo(reference.encode(text));
    }
  }

  private Tokenizer tokenizer(GgufWriter writer) throws IOException {
    Path file = temp.resolve("model.gguf");
    try (OutputStream out = Files.newOutputStream(file)) {
      writer.writeTo(out);
    }
    try (Checkpoint checkpoint = Checkpoint.open(file)) {
      return Tokenizer.open(new TokenizerFiles(file.toString(), checkpoint.files().contents()));
    }
  }

  /** The metadata of a model; its weights are not needed. */
  private static GgufWriter model(List<String> tokens) {
    return new GgufWriter()
        .text("general.architecture", "llama").integer("llama.context_length", 64)
        .integer("llama.embedding_length", 8).integer("llama.block_count", 2)
        .integer("llama.feed_forward_length", 16).integer("llama.attention.head_count", 2)
        .number("llama.attention.layer_norm_rms_epsilon", 1e-5f)
        .texts("tokenizer.ggml.tokens", tokens);
  }

  private static List<String> texts(JsonNode array) {
    List<String> texts = new ArrayList<>();
    array.forEach(text -> texts.add(text.textValue()));
    return texts;
  }

  private static int[] ints(JsonNode array) {
    int[] ints = new int[array.size()];
    Arrays.setAll(ints, i -> array.path(i).intValue());
    return ints;
  }
}
