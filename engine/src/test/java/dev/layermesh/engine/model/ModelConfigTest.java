package dev.layermesh.engine.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.layermesh.decoding.InputException;
import dev.layermesh.decoding.TokenIds;
import dev.layermesh.decoding.WindowPolicy;
import dev.layermesh.engine.checkpoint.Fixtures;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalInt;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@Timeout(60)
class ModelConfigTest {
  private static final List<String> GOOD = List.of(
      "\"model_type\": \"llama\"",
      "\"architectures\": [\"LlamaForCausalLM\"]",
      "\"hidden_size\": 64",
      "\"intermediate_size\": 176",
      "\"num_hidden_layers\": 6",
      "\"num_attention_heads\": 4",
      "\"num_key_value_heads\": 2",
      "\"head_dim\": 16",
      "\"vocab_size\": 1500",
      "\"max_position_embeddings\": 512",
      "\"rms_norm_eps\": 1e-05",
      "\"rope_theta\": 10000.0",
      "\"rope_scaling\": null",
      "\"bos_token_id\": 1",
      "\"eos_token_id\": 2",
      "\"hidden_act\": \"silu\"",
      "\"attention_bias\": false",
      "\"mlp_bias\": false",
      "\"exit_layer\": null");

  @TempDir
  private Path folder;

  @BeforeEach
  void writeGoodConfig() {
    write(GOOD);
  }

  @Test
  void shouldReadAConfigOfTransformers4() {
    ModelConfig config = ConfigFile.read(Fixtures.LLAMA3);

    assertThat(config).isEqualTo(new ModelConfig(96, 256, 8, 6, 2, 16, 2048, 2048, 1e-5f,
        new Rope(500_000, new RopeScaling.Llama3(32, 1, 4, 64)), true, OptionalInt.of(0), TokenIds.of(4),
        OptionalInt.empty()));
    assertThat(config.defaultExitLayer()).isEqualTo(2);
  }

  @Test
  void shouldReadAConfigOfTransformers5() {
    assertThat(ConfigFile.read(Fixtures.BUNDLED)).isEqualTo(new ModelConfig(192, 512, 8, 6, 2, 32, 2048, 1024, 1e-5f,
        new Rope(10_000, new RopeScaling.Default()), true, OptionalInt.of(0), TokenIds.of(1), OptionalInt.of(3)));
  }

  @Test
  void shouldReadAnUntiedModelWithAsManyKeyHeadsAsHeads() {
    ModelConfig config = ConfigFile.read(Fixtures.LLAMA2);

    assertThat(config.tiedHead()).isFalse();
    assertThat(config.numKvHeads()).isEqualTo(config.numHeads()).isEqualTo(4);
    assertThat(config.defaultExitLayer()).isEqualTo(2); // ⌈6/4⌉
  }

  @Test
  void shouldFillInWhatTransformersFillsIn() {
    without("num_key_value_heads");
    without("head_dim");
    without("rope_theta");
    without("hidden_act");
    without("bos_token_id");
    without("eos_token_id");
    ModelConfig config = ConfigFile.read(folder);

    assertThat(config.numKvHeads()).isEqualTo(4);
    assertThat(config.headDim()).isEqualTo(16);
    assertThat(config.rope()).isEqualTo(new Rope(10_000, new RopeScaling.Default()));
    assertThat(config.tiedHead()).isFalse();
    assertThat(config.bosId()).isEmpty();
    assertThat(config.eosIds().isEmpty()).isTrue();
  }

  @Test
  void shouldPreferTheEndTokensOfTheGenerationConfig() throws IOException {
    set("eos_token_id", "[7, 8]");
    assertThat(ConfigFile.read(folder).eosIds()).isEqualTo(TokenIds.of(7, 8));

    Files.writeString(folder.resolve("generation_config.json"), "{\"eos_token_id\": [3, 4, 5], \"bos_token_id\": 9}");
    assertThat(ConfigFile.read(folder).eosIds()).isEqualTo(TokenIds.of(3, 4, 5));
    assertThat(ConfigFile.read(folder).bosId()).hasValue(9);

    Files.writeString(folder.resolve("generation_config.json"), "{\"eos_token_id\": null}");
    assertThat(ConfigFile.read(folder).eosIds()).isEqualTo(TokenIds.of(7, 8));

    Files.writeString(folder.resolve("generation_config.json"), "{\"eos_token_id\": [3, 1500]}");
    assertRefused("eos_token_id=[3,1500]: must be between 0 and 1499, the last of vocab_size=1500",
        "generation_config.json");
  }

  @Test
  void shouldEndAtTheEndOfATurnThatTheTokenizerConfigNames() throws IOException {
    Path config = folder.resolve("tokenizer_config.json");
    Files.writeString(folder.resolve("generation_config.json"), "{\"eos_token_id\": 3}");
    Files.writeString(config, "{\"eos_token\": \"<|im_end|>\", "
        + "\"added_tokens_decoder\": {\"4\": {\"content\": \"<s>\"}, \"5\": {\"content\": \"<|im_end|>\"}}}");
    assertThat(ConfigFile.read(folder).eosIds()).isEqualTo(TokenIds.of(3, 5));

    Files.writeString(config, "{\"eos_token\": {\"content\": \"<|im_end|>\"}}");
    assertThat(ConfigFile.read(folder).eosIds()).isEqualTo(TokenIds.of(3));
    Path tokenizer = folder.resolve("tokenizer.json");
    Files.writeString(tokenizer, "{\"version\": \"1.0\", \"truncation\": {\"a\": [{}]}, "
        + "\"added_tokens\": [{\"id\": 6, \"content\": \"<s>\"}, {\"id\": 7, \"content\": \"<|im_end|>\"}]}");
    assertThat(ConfigFile.read(folder).eosIds()).isEqualTo(TokenIds.of(3, 7));
    Files.writeString(tokenizer, "{\"added_tokens\": [], \"model\": {\"type\": \"BPE\", \"merges\": [[\"a\", \"b\"]], "
        + "\"vocab\": {\"a\": 0, \"<|im_end|>\": 8}}}");
    assertThat(ConfigFile.read(folder).eosIds()).isEqualTo(TokenIds.of(3, 8));
    Files.writeString(tokenizer, "{\"added_tokens\": [{\"id\": 1500, \"content\": \"<|im_end|>\"}]}"); // no row
    assertThat(ConfigFile.read(folder).eosIds()).isEqualTo(TokenIds.of(3));
    Files.writeString(tokenizer, "{\"added_tokens\": [");
    assertRefused("not valid JSON", "tokenizer.json");
  }

  @Test
  void shouldRefuseTwoLayoutsOfRopeThatSayDifferentThings() {
    String llama3 = "\"rope_type\": \"llama3\", \"factor\": 8, \"low_freq_factor\": 1, \"high_freq_factor\": 4, "
        + "\"original_max_position_embeddings\": 8192}";
    set("rope_scaling", "{\"rope_type\": \"linear\", \"factor\": 4}, \"rope_parameters\": {\"rope_theta\": 5e5, "
        + llama3);
    assertRefused("rope_scaling={\"rope_type\":\"linear\",\"factor\":4}: "
        + "must say the same as rope_parameters, or be absent", "config.json");

    set("rope_scaling", "{" + llama3 + ", \"rope_parameters\": {\"rope_theta\": 5e5, " + llama3);
    assertThat(ConfigFile.read(folder).rope())
        .isEqualTo(new Rope(500_000, new RopeScaling.Llama3(8, 1, 4, 8192)));
  }

  @Test
  void shouldReadEveryKindOfRopeInBothLayouts() {
    set("rope_scaling", "{\"type\": \"linear\", \"factor\": 4}");
    assertThat(ConfigFile.read(folder).rope()).isEqualTo(new Rope(10_000, new RopeScaling.Linear(4)));

    set("rope_scaling", "{\"rope_type\": \"default\"}");
    assertThat(ConfigFile.read(folder).rope()).isEqualTo(new Rope(10_000, new RopeScaling.Default()));

    set("rope_scaling", "null, \"rope_parameters\": {\"rope_theta\": 5e5, \"rope_type\": \"llama3\", \"factor\": 8, "
        + "\"low_freq_factor\": 1, \"high_freq_factor\": 4, \"original_max_position_embeddings\": 8192}");
    assertThat(ConfigFile.read(folder).rope())
        .isEqualTo(new Rope(500_000, new RopeScaling.Llama3(8, 1, 4, 8192)));
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', quoteCharacter = '`', textBlock = """
      model_type              | "mistral"      | model_type="mistral": only llama models run here
      model_type              | null           | model_type=null: must be a string
      architectures           | ["GPT2Model"]  | architectures=["GPT2Model"]: must hold LlamaForCausalLM
      attention_bias          | true           | attention_bias=true: projections with a bias are not supported
      mlp_bias                | true           | mlp_bias=true: projections with a bias are not supported
      mlp_bias                | "no"           | mlp_bias="no": must be true or false
      hidden_act              | "gelu"         | hidden_act="gelu": must be silu
      hidden_size             | 0              | hidden_size=0: must be between 1 and 2147483647
      hidden_size             | -64            | hidden_size=-64: must be between 1 and 2147483647
      hidden_size             | 64.0           | hidden_size=64.0: must be an integer of at most 32 bits
      hidden_size             | "64"           | hidden_size="64": must be an integer of at most 32 bits
      hidden_size             | [64]           | hidden_size=[64]: must be an integer of at most 32 bits
      hidden_size             | null           | hidden_size=null: must be an integer
      intermediate_size       | 99999999999    | intermediate_size=99999999999: must be an integer of at most 32 bits
      num_hidden_layers       | 1              | num_hidden_layers=1: must be between 2 and 10000
      num_hidden_layers       | 2000000000     | num_hidden_layers=2000000000: must be between 2 and 10000
      num_key_value_heads     | 3              | num_key_value_heads=3: must divide num_attention_heads=4
      num_key_value_heads     | 0              | num_key_value_heads=0: must be between 1 and 2147483647
      head_dim                | 15             | head_dim=15: must be even: rotary embedding turns pairs
      head_dim                | 1000000000     | num_attention_heads=4: times head_dim=1000000000 must be below 2^31
      vocab_size              | 2147483647     | vocab_size=2147483647: times hidden_size=64 must be below 2^31
      intermediate_size       | 2000000000     | intermediate_size=2000000000: times hidden_size=64 must be below 2^31
      max_position_embeddings | 2000000000     | max_position_embeddings=2000000000: must be between 1 and 16777216
      rms_norm_eps            | 0              | rms_norm_eps=0.0: must be above 0 and below 1
      rms_norm_eps            | "1e-5"         | rms_norm_eps="1e-5": must be a finite number
      rms_norm_eps            | 1e999          | rms_norm_eps="Infinity": must be a finite number
      rope_theta              | 0              | rope_theta=0.0: must be a finite number above 1
      rope_theta              | true           | rope_theta=true: must be a finite number
      rope_scaling            | 8              | rope_scaling=8: must be an object
      rope_scaling            | {"factor": 8} | \
          rope_scaling.rope_type=absent: must say what the factor scales: linear or llama3
      rope_scaling            | {"type":"yarn"}| rope_scaling.type="yarn": must be default, linear or llama3
      rope_scaling            | {"rope_type":"linear","factor":0.5} | rope_scaling: factor=0.5: must be 1 or more
      rope_scaling            | {"rope_type":"linear"} | rope_scaling.factor=absent: must be a number
      rope_scaling            | {"rope_type":"llama3","factor":8,"low_freq_factor":4,\
          "high_freq_factor":4,"original_max_position_embeddings":9} | \
          rope_scaling: high_freq_factor=4.0: must be above low_freq_factor=4.0
      eos_token_id            | -1 | \
          eos_token_id=-1: must be between 0 and 1499, the last of vocab_size=1500
      eos_token_id            | ["</s>"]       | eos_token_id=["</s>"]: must be an integer of at most 32 bits
      bos_token_id            | 1500 | \
          bos_token_id=1500: must be between 0 and 1499, the last of vocab_size=1500
      exit_layer              | 0              | exit_layer=0: must be between 1 and 5
      exit_layer              | 6              | exit_layer=6: must be between 1 and 5
      """)
  void shouldRefuseNamingFileFieldAndValue(String field, String value, String message) {
    set(field, value);
    assertRefused(message, "config.json");
  }

  @Test
  void shouldRefuseHeadsThatDoNotDivideTheHiddenSize() {
    without("head_dim");
    set("num_attention_heads", "5");
    assertRefused("num_attention_heads=5: must divide hidden_size=64 where head_dim is absent", "config.json");
  }

  @ParameterizedTest
  @CsvSource({"hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "vocab_size",
      "max_position_embeddings"})
  void shouldRefuseAConfigThatLacksASize(String field) {
    without(field);
    assertRefused(field + "=absent: must be an integer", "config.json");
  }

  @Test
  void shouldRefuseQuantizedCheckpoints() {
    set("exit_layer", "null, \"quantization_config\": {\"quant_method\": \"gptq\"}");
    assertRefused("quantization_config={\"quant_method\":\"gptq\"}: quantized checkpoints are not supported: "
        + "use an F32, F16 or BF16 one", "config.json");
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', quoteCharacter = '`', textBlock = """
      {"rms_norm_eps": NaN}                   | not valid JSON at line 1, column 21: Non-standard token 'NaN'
      {"hidden_size": 64, "hidden_size": 65}  | not valid JSON at line 1, column 34: Duplicate field 'hidden_size'
      {"hidden_size": 64 | \
          not valid JSON at line 1, column 19: Unexpected end-of-input: expected close marker for Object
      {} {}                                   | not valid JSON at line 1, column 4: Trailing token
      [1]                                     | must hold a JSON object
      """)
  void shouldRefuseWhatIsNoJsonObject(String content, String message) throws IOException {
    Files.writeString(folder.resolve("config.json"), content);
    assertThatThrownBy(() -> ConfigFile.read(folder))
        .isInstanceOf(InputException.class)
        .hasMessageStartingWith(folder.resolve("config.json") + ": " + message);
  }

  @Test
  void shouldRefuseAnEmptyOrMissingConfig() throws IOException {
    Files.writeString(folder.resolve("config.json"), "");
    assertRefused("must hold a JSON object", "config.json");

    Files.delete(folder.resolve("config.json"));
    assertRefused("no such file", "config.json");
  }

  @Test
  void shouldStayOnOneLineWhateverTheValueHolds() {
    set("model_type", "\"a\\nb" + "c".repeat(200) + "\"");
    assertThatThrownBy(() -> ConfigFile.read(folder))
        .isInstanceOf(InputException.class)
        .hasMessageContaining("model_type=\"a\\nbccc").hasMessageContaining("…: only llama")
        .message().doesNotContain("\n").hasSizeLessThan(300);
  }

  @Test
  void shouldChooseTheExitLayerAskedForWithinTheModel() {
    ModelConfig config = ConfigFile.read(Fixtures.BUNDLED);

    assertThat(config.chooseExitLayer(OptionalInt.empty())).isEqualTo(3);
    assertThat(config.chooseExitLayer(OptionalInt.of(7))).isEqualTo(7);
    assertThatThrownBy(() -> config.chooseExitLayer(OptionalInt.of(8)))
        .isInstanceOf(InputException.class)
        .hasMessage("exit_layer=8: must be between 1 and 7");
  }

  @Test
  void shouldDraftByDefaultOnlyWhereTheExitLayerIsNamed() {
    assertThat(ConfigFile.read(Fixtures.BUNDLED).usualWindow(OptionalInt.empty()))
        .isEqualTo(WindowPolicy.sequential(4));
    assertThat(ConfigFile.read(Fixtures.LLAMA3).usualWindow(OptionalInt.of(2)))
        .isEqualTo(WindowPolicy.sequential(4));
    assertThat(ConfigFile.read(Fixtures.LLAMA3).usualWindow(OptionalInt.empty()))
        .isEqualTo(WindowPolicy.AUTOREGRESSIVE);
  }

  private void assertRefused(String message, String file) {
    assertThatThrownBy(() -> ConfigFile.read(folder))
        .isInstanceOf(InputException.class)
        .hasMessage(folder.resolve(file) + ": " + message);
  }

  private void set(String field, String value) {
    write(fields().stream().map(each -> names(each, field) ? "\"" + field + "\": " + value : each).toList());
  }

  private void without(String field) {
    write(fields().stream().filter(each -> !names(each, field)).toList());
  }

  private static boolean names(String line, String field) {
    return line.startsWith("\"" + field + "\":");
  }

  private List<String> fields() {
    try {
      return Files.readString(folder.resolve("config.json")).lines()
          .filter(line -> line.length() > 1)
          .map(line -> line.endsWith(",") ? line.substring(0, line.length() - 1) : line)
          .toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private void write(List<String> fields) {
    try {
      Files.writeString(folder.resolve("config.json"), "{\n" + String.join(",\n", fields) + "\n}\n");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
