package dev.layermesh.engine.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.layermesh.decoding.InputException;
import dev.layermesh.engine.gguf.GgmlType;
import dev.layermesh.engine.gguf.GgufWriter;
import dev.layermesh.engine.model.ModelConfig;
import dev.layermesh.engine.model.ModelFiles;
import dev.layermesh.engine.model.RopeScaling;
import dev.layermesh.testkit.Fixtures;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

@Timeout(60)
class GgufCheckpointTest {
  @TempDir
  private Path temp;

  @ParameterizedTest
  @MethodSource("dev.layermesh.testkit.Fixtures#ggufTypes")
  void shouldBeTheModelOfTheFolderInAnotherFormat(String type) {
    try (Checkpoint gguf = Checkpoint.open(Fixtures.gguf(type));
        Checkpoint folder = Checkpoint.open(Fixtures.bundledModel())) {
      assertThat(gguf.config()).isEqualTo(folder.config());
      assertThat(gguf.name()).isEqualTo(Fixtures.gguf(type).getFileName().toString().replace(".gguf", ""));
      Inspection inspection = Inspection.of(gguf, 3);
      assertThat(inspection.parameters()).isEqualTo(Inspection.of(folder, 3).parameters());
      assertThat(inspection.bytesByDType()).containsOnlyKeys(DType.F32, DType.valueOf(type));
      assertThat(inspection.chatTemplate()).isTrue();
      assertThat(inspection.fingerprint().id()).isNotEqualTo(Inspection.of(folder, 3).fingerprint().id());
    }
  }

  @Test
  void shouldNameAModelAlikeInEveryRole() {
    try (Checkpoint gguf = Checkpoint.open(Fixtures.gguf("Q4_0"))) {
      Fingerprint draft = Fingerprint.of(gguf, Slice.draft(3));
      assertThat(draft.difference(Fingerprint.of(gguf, Slice.verify(3, 8)))).isEmpty();
      try (Checkpoint other = Checkpoint.open(Fixtures.gguf("Q4_1"))) {
        assertThat(draft.difference(Fingerprint.of(other, Slice.draft(3)))).isPresent();
      }
    }
  }

  @Test
  void shouldHandOutTheFilesThatAFolderWouldHold() throws IOException {
    ModelFiles files = files(Fixtures.gguf("Q4_0"));

    assertThat(files.contents()).containsOnlyKeys(
        "config.json", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja");
    assertThat(files.contents().get("chat_template.jinja"))
        .isEqualTo(Files.readAllBytes(Fixtures.bundledModel().resolve("chat_template.jinja")));
    assertThat(text(files, "config.json")).contains("\"eos_token_id\":[1]");
    assertThat(text(files, "tokenizer_config.json"))
        .contains("\"bos_token\":\"<|begin_of_text|>\"", "\"eos_token\":\"<|end_of_text|>\"");
    assertThat(text(files, "tokenizer.json"))
        .contains("{\"id\":2,\"content\":\"<|im_start|>\"", "\"vocab\":{\"<|begin_of_text|>\":0,", "[\"h\",\"e\"]");
  }

  @Test
  void shouldReadAModelOfTheLeastThatTheSpecificationAsksFor() {
    ModelConfig config = config(tiny());

    assertThat(config.numKvHeads()).isEqualTo(config.numHeads()).isEqualTo(2);
    assertThat(config.headDim()).isEqualTo(4);
    assertThat(config.vocabSize()).isEqualTo(5);
    assertThat(config.rope().theta()).isEqualTo(10_000);
    assertThat(config.rope().scaling()).isEqualTo(new RopeScaling.Default());
    assertThat(config.tiedHead()).isTrue();
    assertThat(config.eosIds().isEmpty()).isTrue();
    assertThat(config.exitLayer()).isEmpty();
  }

  @Test
  void shouldReadWhatElseThereMayBe() {
    ModelConfig config = config(tiny()
        .number("llama.rope.freq_base", 500_000).integer("tokenizer.ggml.bos_token_id", 1)
        .integer("tokenizer.ggml.eos_token_id", 2).integer("tokenizer.ggml.eot_token_id", 3)
        .integer("layerskip.exit_layer", 1)
        .tensor("rope_freqs.weight", GgmlType.F32, List.of(2),
            out -> out.write(new byte[] {0, 0, -128, 63, 0, 0, 0, 65})) // 1 and 8
        .tensor("output.weight", GgmlType.F16, List.of(5, 8), zeros(80)));

    assertThat(config.rope().theta()).isEqualTo(500_000);
    assertThat(config.rope().scaling()).isEqualTo(new RopeScaling.Factors(List.of(1f, 8f)));
    assertThat(config.rope().inverseFrequencies(4)[1]).isEqualTo(1f / (float) Math.sqrt(500_000) / 8);
    assertThat(config.bosId()).hasValue(1);
    assertThat(config.eosIds().toArray()).containsExactly(2, 3);
    assertThat(config.exitLayer()).hasValue(1);
    assertThat(config.tiedHead()).isFalse();
  }

  @Test
  void shouldFindTheEndOfATurnByItsSpellingWhereNoKeyNamesIt() {
    GgufWriter old = tiny(List.of("a", "b", "<|end_of_text|>", "<|eot_id|>", "c"), Set.of());
    assertThat(config(old.integer("tokenizer.ggml.eos_token_id", 2)).eosIds().toArray()).containsExactly(2, 3);
  }

  @Test
  void shouldRefuseWhatWouldBeAnotherFunction() {
    assertRefused(tiny().integer("llama.expert_count", 8),
        "llama.expert_count=8: mixtures of experts are not supported");
    assertRefused(tiny().integer("split.count", 2), "split.count=2: must be 1: merge the parts into one file");
    assertRefused(tiny().integer("llama.rope.dimension_count", 2),
        "llama.rope.dimension_count=2: must be 4, the length of a head");
    assertRefused(tiny().text("llama.rope.scaling.type", "yarn"),
        "llama.rope.scaling.type=yarn: must be none or linear");
    assertRefused(tiny().tensor("blk.0.attn_q.bias", GgmlType.F32, List.of(8), zeros(32)), "tensor=blk.0.attn_q.bias: "
        + "is none of a Llama model of 2 layers: this engine would compute something else");
    assertRefused(tiny().tensor("blk.2.attn_norm.weight", GgmlType.F32, List.of(8), zeros(32)),
        "tensor=blk.2.attn_norm.weight: is none of a Llama model of 2 layers: "
            + "this engine would compute something else");
  }

  @ParameterizedTest
  @CsvSource({
      "llama.embedding_length, 'llama.embedding_length=absent: must be a whole number'",
      "llama.block_count, 'llama.block_count=absent: must be a whole number'",
      "llama.attention.layer_norm_rms_epsilon, 'llama.attention.layer_norm_rms_epsilon=absent: must be a number'",
      "general.architecture, 'general.architecture=absent: must be a string'",
      "tokenizer.ggml.tokens, 'tokenizer.ggml.tokens=absent: must be a list'",
      "tokenizer.ggml.merges, 'tokenizer.ggml.merges=absent: must be a list of strings'",
      "tokenizer.ggml.model, 'tokenizer.ggml.model=absent: must be a string'",
      "tokenizer.ggml.pre, 'tokenizer.ggml.pre=absent: must name how text is cut, one of gpt-2, default, smollm, "
          + "llama-bpe, llama3, llama-v3, qwen2'",
      "blk.1.ffn_up.weight, 'blk.1.ffn_up.weight=absent: the model needs this tensor, [16, 8]'"})
  void shouldRefuseAModelThatLacksSomething(String key, String message) {
    assertRefused(tiny(TOKENS, Set.of(key)), message);
  }

  @Test
  void shouldNameTheKeysOfTheFileInRefusalsOfSizes() {
    assertRefused(tiny(TOKENS, Set.of("llama.block_count")).integer("llama.block_count", 1),
        "llama.block_count=1: must be between 2 and 10000");
    assertRefused(tiny().integer("layerskip.exit_layer", 2), "layerskip.exit_layer=2: must be between 1 and 1");
    assertRefused(tiny().integer("tokenizer.ggml.eos_token_id", 5),
        "tokenizer.ggml.eos_token_id=5: must be between 0 and 4");
    assertRefused(tiny().integer("llama.attention.head_count_kv", 3),
        "llama.attention.head_count_kv=3: must divide num_attention_heads=2");
  }

  @Test
  void shouldRefuseATensorOfAnotherTypeOrShape() {
    assertRefused(
        tiny(TOKENS, Set.of("output_norm.weight")).tensor("output_norm.weight", GgmlType.I32, List.of(8), zeros(32)),
        "output_norm.weight.type=I32: must be one of F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q4_K, Q5_K, Q6_K");
    assertRefused(
        tiny(TOKENS, Set.of("output_norm.weight")).tensor("output_norm.weight", GgmlType.F32, List.of(4), zeros(16)),
        "output_norm.weight.dims=[4]: must be [8] by the metadata");
  }

  @Test
  void shouldRefuseAVocabularyThatDoesNotHangTogether() {
    Set<String> merges = Set.of("tokenizer.ggml.merges");
    assertRefused(tiny(TOKENS, merges).texts("tokenizer.ggml.merges", List.of("a b", "b c")),
        "tokenizer.ggml.merges[1]=b c: must be two tokens with a space between that make a third");
    assertRefused(tiny().integers("tokenizer.ggml.token_type", new int[] {1, 1}),
        "tokenizer.ggml.token_type=a list of 2 INT32: must hold as many as tokenizer.ggml.tokens, 5");
    assertRefused(tiny(List.of("a", "b", "ab", "c", "a"), Set.of()),
        "tokenizer.ggml.tokens[4]=a: is the same as token 0");
    Set<String> model = Set.of("tokenizer.ggml.model");
    assertRefused(tiny(TOKENS, model).text("tokenizer.ggml.model", "bert"),
        "tokenizer.ggml.model=bert: must be gpt2 or llama: other vocabularies are not read");
    assertRefused(tiny(TOKENS, model).text("tokenizer.ggml.model", "llama"),
        "tokenizer.ggml.scores=absent: must be a list of float32 numbers");
  }

  @Test
  void shouldMakeMergesOfScores() {
    GgufWriter scored = tiny(TOKENS, Set.of("tokenizer.ggml.model")).text("tokenizer.ggml.model", "llama")
        .numbers("tokenizer.ggml.scores", new float[] {0, 0, -1, 0, -2});
    ModelFiles files = files(write(scored));
    assertThat(text(files, "tokenizer.json")).contains("\"merges\":[[\"a\",\"b\"],[\"ab\",\"c\"]]", "ByteFallback");
  }

  @Test
  void shouldTakeTheTokenizerOfHuggingFaceAsItStands() {
    ModelFiles files = files(write(tiny().text("tokenizer.huggingface.json", "{\"version\": 1}")));
    assertThat(text(files, "tokenizer.json")).isEqualTo("{\"version\": 1}");
  }

  private static final List<String> TOKENS = List.of("a", "b", "ab", "c", "abc");

  private static GgufWriter tiny() {
    return tiny(TOKENS, Set.of());
  }

  /** A model of 2 layers, D = 8, F = 16, H = 2, V = 5, of zeros. */
  private static GgufWriter tiny(List<String> tokens, Set<String> without) {
    var writer = new GgufWriter();
    metadata(writer, tokens, without);
    List<String> inLayer = List.of("attn_norm 8", "attn_q 8 8", "attn_k 8 8", "attn_v 8 8", "attn_output 8 8",
        "ffn_norm 8", "ffn_gate 16 8", "ffn_up 16 8", "ffn_down 8 16");
    List<String> all = new ArrayList<>(List.of("token_embd.weight 5 8", "output_norm.weight 8"));
    for (int layer = 0; layer < 2; layer++) {
      for (String each : inLayer) {
        all.add("blk." + layer + "." + each.replaceFirst(" ", ".weight "));
      }
    }
    for (String each : all) {
      String[] words = each.split(" ");
      List<Integer> shape = List.of(words).subList(1, words.length).stream().map(Integer::valueOf).toList();
      if (!without.contains(words[0])) {
        writer.tensor(words[0], GgmlType.F32, shape, zeros(4 * shape.stream().reduce(1, (a, b) -> a * b)));
      }
    }
    return writer;
  }

  private static void metadata(GgufWriter writer, List<String> tokens, Set<String> without) {
    with("general.architecture", without, key -> writer.text(key, "llama"));
    with("llama.context_length", without, key -> writer.integer(key, 64));
    with("llama.embedding_length", without, key -> writer.integer(key, 8));
    with("llama.block_count", without, key -> writer.integer(key, 2));
    with("llama.feed_forward_length", without, key -> writer.integer(key, 16));
    with("llama.attention.head_count", without, key -> writer.integer(key, 2));
    with("llama.attention.layer_norm_rms_epsilon", without, key -> writer.number(key, 1e-5f));
    with("tokenizer.ggml.model", without, key -> writer.text(key, "gpt2"));
    with("tokenizer.ggml.pre", without, key -> writer.text(key, "gpt-2"));
    with("tokenizer.ggml.tokens", without, key -> writer.texts(key, tokens));
    with("tokenizer.ggml.merges", without, key -> writer.texts(key, List.of("a b")));
  }

  private static void with(String key, Set<String> without, Consumer<String> put) {
    if (!without.contains(key)) {
      put.accept(key);
    }
  }

  private static GgufWriter.Content zeros(int count) {
    return out -> out.write(new byte[count]);
  }

  private Path write(GgufWriter writer) {
    Path file = temp.resolve("tiny.gguf");
    try (OutputStream out = Files.newOutputStream(file)) {
      writer.writeTo(out);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return file;
  }

  private ModelConfig config(GgufWriter writer) {
    try (Checkpoint checkpoint = Checkpoint.open(write(writer))) {
      return checkpoint.config();
    }
  }

  private void assertRefused(GgufWriter writer, String message) {
    Path file = write(writer);
    assertThatThrownBy(() -> {
      try (Checkpoint checkpoint = Checkpoint.open(file)) {
        checkpoint.weights(Slice.whole(2));
        checkpoint.files();
      }
    }).isInstanceOf(InputException.class).hasMessage(file + ": " + message);
  }

  private static ModelFiles files(Path model) {
    try (Checkpoint checkpoint = Checkpoint.open(model)) {
      return checkpoint.files();
    }
  }

  private static String text(ModelFiles files, String name) {
    return new String(files.contents().get(name), StandardCharsets.UTF_8);
  }
}
