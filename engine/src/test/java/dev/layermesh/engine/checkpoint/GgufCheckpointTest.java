package dev.layermesh.engine.checkpoint;

import static dev.layermesh.engine.checkpoint.TinyGguf.TOKENS;
import static dev.layermesh.engine.checkpoint.TinyGguf.tiny;
import static dev.layermesh.engine.checkpoint.TinyGguf.zeros;
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
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(60)
class GgufCheckpointTest {
  private static final String NAMES = "gpt-2, smollm, starcoder, refact, minerva-7b, llama-bpe, llama3, llama-v3, "
      + "falcon3, pixtral, smaug-bpe, dbrx, qwen2, tekken, deepseek-llm, deepseek-coder, default";

  @TempDir
  private Path temp;

  @ParameterizedTest
  @MethodSource("dev.layermesh.testkit.Fixtures#ggufTypes")
  void shouldBeTheModelOfTheFolderInAnotherFormat(String type) {
    try (Checkpoint gguf = Checkpoint.open(Fixtures.gguf(type));
        Checkpoint folder = Checkpoint.open(Fixtures.bundledModel())) {
      assertThat(gguf.config().toString()).isEqualTo(
          folder.config().toString().replace("eosIds=[1]", "eosIds=[1, 3]")); // <|im_end|>, by its spelling
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
    assertThat(text(files, "config.json")).contains("\"eos_token_id\":[1,3]");
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

  /** The vocabulary of SmolLM2-Instruct begins so; its file names id 2, and one published file names id 0. */
  @ParameterizedTest
  @CsvSource({"2, '2,0'", "0, '0,2'"})
  void shouldEndATurnAtKnownControlTokensWhateverIdTheFileNames(int named, String ends) {
    List<String> tokens = List.of("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<repo_name>", "</s>");
    GgufWriter smol = tiny(tokens, Set.of("tokenizer.ggml.merges"))
        .texts("tokenizer.ggml.merges", List.of())
        .integers("tokenizer.ggml.token_type", new int[] {3, 3, 3, 3, 1}) // the last one is a piece of text
        .integer("tokenizer.ggml.bos_token_id", 1)
        .integer("tokenizer.ggml.eos_token_id", named);
    Path file = write(smol);
    try (Checkpoint checkpoint = Checkpoint.open(file)) {
      assertThat(checkpoint.config().eosIds().toString()).isEqualTo("[" + ends.replace(",", ", ") + "]");
      assertThat(text(checkpoint.files(), "config.json")).contains("\"eos_token_id\":[" + ends + "]");
    }
  }

  @Test
  void shouldNotEndATurnAtATokenThatStandsWithinTurnsOfItsVocabulary() {
    assertThat(config(tiny(List.of("<|end|>", "<|return|>", "<|call|>", "a", "b"), Set.of("tokenizer.ggml.merges"))
        .texts("tokenizer.ggml.merges", List.of())).eosIds().toArray()).containsExactly(1, 2);
    assertThat(config(tiny(List.of("<|end|>", "x", "y", "a", "b"), Set.of("tokenizer.ggml.merges"))
        .texts("tokenizer.ggml.merges", List.of())).eosIds().toArray()).containsExactly(0);
  }

  @Test
  void shouldLoadWithoutSpecialIdsThatTheVocabularyDoesNotHave() {
    Path file = write(tiny(List.of("a", "b", "ab", "</s>", "c"), Set.of())
        .integer("tokenizer.ggml.bos_token_id", -1) // the largest number of 32 bits
        .integer("tokenizer.ggml.eos_token_id", 5)
        .integer("tokenizer.ggml.padding_token_id", 128_009)
        .integer("tokenizer.ggml.unknown_token_id", 4));
    List<String> warnings = new ArrayList<>();
    try (Checkpoint checkpoint = Checkpoint.open(file, warnings::add)) {
      assertThat(checkpoint.config().bosId()).isEmpty();
      assertThat(checkpoint.config().eosIds().toArray()).containsExactly(3);
      assertThat(text(checkpoint.files(), "tokenizer_config.json"))
          .contains("\"unk_token\":\"c\"").doesNotContain("eos_token", "bos_token", "pad_token");
    }
    assertThat(warnings).containsExactly(
        file + ": tokenizer.ggml.eos_token_id=5: is ignored: must be between 0 and 4",
        file + ": tokenizer.ggml.bos_token_id=4294967295: is ignored: must be between 0 and 4",
        file + ": tokenizer.ggml.padding_token_id=128009: is ignored: must be between 0 and 4");
  }

  @Test
  void shouldRefuseSpecialIdsOutsideOfTheVocabularyWhereEveryTextNeedsThem() {
    assertRefused(tiny().integer("tokenizer.ggml.bos_token_id", 5).flag("tokenizer.ggml.add_bos_token", true),
        "tokenizer.ggml.bos_token_id=5: must be a token of the vocabulary, "
            + "because tokenizer.ggml.add_bos_token is true");
    assertRefused(tiny().flag("tokenizer.ggml.add_eos_token", true),
        "tokenizer.ggml.eos_token_id=absent: must be a token of the vocabulary, "
            + "because tokenizer.ggml.add_eos_token is true");
  }

  @Test
  void shouldBeginTextsOfSentencePieceWithItsTokenWhereTheFileNamesNone() {
    GgufWriter scored = tiny(List.of("<unk>", "<s>", "</s>", "a", "b"), Set.of("tokenizer.ggml.model"))
        .text("tokenizer.ggml.model", "llama").numbers("tokenizer.ggml.scores", new float[5]);
    assertThat(config(scored).bosId()).hasValue(1);
  }

  @Test
  void shouldRefuseWhatWouldBeAnotherFunction() {
    assertRefused(tiny().integer("llama.expert_count", 8),
        "llama.expert_count=8: mixtures of experts are not supported");
    assertRefused(tiny().tensor("blk.0.attn_q.bias", GgmlType.F32, List.of(8), zeros(32)), "tensor=blk.0.attn_q.bias: "
        + "is no tensor of a Llama model of 2 layers: this engine would compute something else");
    assertRefused(tiny().tensor("blk.2.attn_norm.weight", GgmlType.F32, List.of(8), zeros(32)),
        "tensor=blk.2.attn_norm.weight: is no tensor of a Llama model of 2 layers: "
            + "this engine would compute something else");
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2})
  void shouldBeTheSameModelInParts(int named) {
    TinyGguf.write(tiny(TOKENS, Set.copyOf(TinyGguf.TENSORS)).integer("split.no", 0).integer("split.count", 2)
        .integer("split.tensors.count", TinyGguf.TENSORS.size()), part(1));
    TinyGguf.write(tiny(TOKENS, Set.copyOf(TinyGguf.KEYS)).integer("split.no", 1).integer("split.count", 2), part(2));
    try (Checkpoint parts = Checkpoint.open(part(named)); Checkpoint whole = Checkpoint.open(write(tiny()))) {
      assertThat(parts.name()).isEqualTo(whole.name()).isEqualTo("tiny");
      assertThat(parts.weights(Slice.whole(2)).bytes()).isEqualTo(whole.weights(Slice.whole(2)).bytes());
      assertThat(Fingerprint.of(parts, Slice.draft(1))).isEqualTo(Fingerprint.of(whole, Slice.draft(1)));
    }
  }

  private Path part(int number) {
    return temp.resolve("tiny-%05d-of-00002.gguf".formatted(number));
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
      "tokenizer.ggml.pre, 'tokenizer.ggml.pre=absent: must name how text is cut: write it with "
          + "gguf-new-metadata --pre-tokenizer NAME FILE NEW_FILE of the Python package gguf, where NAME is one of "
          + NAMES + "'",
      "blk.1.ffn_up.weight, 'blk.1.ffn_up.weight=absent: the model needs this tensor, [16, 8]'"})
  void shouldRefuseAModelThatLacksSomething(String key, String message) {
    assertRefused(tiny(TOKENS, Set.of(key)), message);
  }

  @Test
  void shouldNameTheKeysOfTheFileInRefusalsOfSizes() {
    assertRefused(tiny(TOKENS, Set.of("llama.block_count")).integer("llama.block_count", 1),
        "llama.block_count=1: must be between 2 and 10000");
    assertRefused(tiny().integer("layerskip.exit_layer", 2), "layerskip.exit_layer=2: must be between 1 and 1");
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
  void shouldTakeTheMergesOfTheFileWhereScoresPutNoTokenFirst() {
    Set<String> others = Set.of("tokenizer.ggml.model", "tokenizer.ggml.merges");
    float[] equal = {0, 0, -1000, 0, -1000};
    ModelFiles files = files(write(tiny(List.of("a", "b", "ab", "c", "bc"), others)
        .text("tokenizer.ggml.model", "llama").numbers("tokenizer.ggml.scores", equal)
        .texts("tokenizer.ggml.merges", List.of("b c", "a b"))));
    assertThat(text(files, "tokenizer.json")).contains("\"merges\":[[\"b\",\"c\"],[\"a\",\"b\"]]");

    assertRefused(tiny(TOKENS, others).text("tokenizer.ggml.model", "llama")
        .numbers("tokenizer.ggml.scores", new float[5]),
        "tokenizer.ggml.scores=a list of 5 FLOAT32: must not all be "
            + "equal where there is no tokenizer.ggml.merges: convert the model's folder instead, with "
            + "layermesh convert --model FOLDER --to FILE");
  }

  @Test
  void shouldKnowThePreTokenizerOfALlama3FileThatNamesNone() {
    List<String> tokens = List.of("<|begin_of_text|>", "<|start_header_id|>", "<|eot_id|>", "a", "b");
    ModelFiles files = files(write(tiny(tokens, Set.of("tokenizer.ggml.pre", "tokenizer.ggml.merges"))
        .texts("tokenizer.ggml.merges", List.of())));
    assertThat(text(files, "tokenizer.json")).contains("\\\\p{N}{1,3}", "\"ignore_merges\":true");
  }

  @Test
  void shouldRefuseAPreTokenizerItDoesNotKnowWithTheCommandThatConverts() {
    assertRefused(tiny(TOKENS, Set.of("tokenizer.ggml.pre")).text("tokenizer.ggml.pre", "viking"),
        "tokenizer.ggml.pre=viking: must be one of " + NAMES + ": convert the model's folder instead, with "
            + "layermesh convert --model FOLDER --to FILE");
  }

  @Test
  void shouldTakeTheTokenizerOfHuggingFaceAsItStands() {
    ModelFiles files = files(write(tiny().text("tokenizer.huggingface.json", "{\"version\": 1}")));
    assertThat(text(files, "tokenizer.json")).isEqualTo("{\"version\": 1}");
  }

  private Path write(GgufWriter writer) {
    return TinyGguf.write(writer, temp.resolve("tiny.gguf"));
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
