package dev.layermesh.engine.model;

import dev.layermesh.decoding.InputException;
import dev.layermesh.decoding.TokenIds;
import dev.layermesh.engine.json.JsonFields;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.Supplier;
import java.util.stream.IntStream;

/**
 * A {@code config.json} of the model type llama as transformers writes it, 4.x ({@code rope_theta} and
 * {@code rope_scaling}) and 5.x ({@code rope_parameters}). Refuses fields that make the model another function than the
 * one the engine computes.
 */
public final class ConfigFile {
  private static final double DEFAULT_THETA = 10_000; // of transformers' LlamaConfig

  private final Path folder;
  private final JsonFields config;
  private final Optional<JsonFields> generation;

  private ConfigFile(Path folder, JsonFields config, Optional<JsonFields> generation) {
    this.folder = folder;
    this.config = config;
    this.generation = generation;
  }

  /**
   * Reads {@code config.json} (transformers 4.x and 5.x), {@code generation_config.json} and the {@code eos_token} of
   * {@code tokenizer_config.json} of a checkpoint folder.
   *
   * @throws InputException naming file, field and value when the model is not a Llama model this engine can run
   */
  public static ModelConfig read(Path folder) {
    Path generation = folder.resolve("generation_config.json");
    return new ConfigFile(
        folder,
        JsonFields.read(folder.resolve("config.json")),
        Files.exists(generation) ? Optional.of(JsonFields.read(generation)) : Optional.empty()).model();
  }

  private ModelConfig model() {
    requireLlama();
    int hiddenSize = config.integer("hidden_size");
    int intermediateSize = config.integer("intermediate_size");
    int numLayers = config.integer("num_hidden_layers");
    int numHeads = config.integer("num_attention_heads");
    int numKvHeads = config.optionalInteger("num_key_value_heads").orElse(numHeads);
    int headDim = headDim(hiddenSize, numHeads);
    int vocabSize = config.integer("vocab_size");
    int maxPositions = config.integer("max_position_embeddings");
    float rmsNormEps = (float) config.number("rms_norm_eps");
    Rope rope = rope();
    boolean tiedHead = config.flag("tie_word_embeddings", false);
    int[] bosIds = tokens("bos_token_id", vocabSize);
    OptionalInt bosId = bosIds.length == 0 ? OptionalInt.empty() : OptionalInt.of(bosIds[0]);
    IntStream eos = IntStream.of(tokens("eos_token_id", vocabSize));
    IntStream named = TokenizerConfig.eosId(folder).stream().filter(id -> id >= 0 && id < vocabSize);
    TokenIds eosIds = TokenIds.of(IntStream.concat(eos, named).distinct().toArray());
    OptionalInt exitLayer = config.optionalInteger("exit_layer");
    return located(config.file(), () -> new ModelConfig(hiddenSize, intermediateSize, numLayers, numHeads, numKvHeads,
        headDim, vocabSize, maxPositions, rmsNormEps, rope, tiedHead, bosId, eosIds, exitLayer));
  }

  private void requireLlama() {
    if (!config.text("model_type").equals("llama")) {
      throw config.wrong("model_type", "only llama models run here");
    }
    if (config.has("architectures") && !config.listHolds("architectures", "LlamaForCausalLM")) {
      throw config.wrong("architectures", "must hold LlamaForCausalLM");
    }
    for (String bias : List.of("attention_bias", "mlp_bias")) {
      if (config.flag(bias, false)) {
        throw config.wrong(bias, "projections with a bias are not supported");
      }
    }
    if (!config.optionalText("hidden_act").orElse("silu").equals("silu")) {
      throw config.wrong("hidden_act", "must be silu");
    }
    if (config.has("quantization_config")) {
      throw config.wrong("quantization_config", "quantized checkpoints are not supported: use an F32, F16 or BF16 one");
    }
  }

  private int headDim(int hiddenSize, int numHeads) {
    OptionalInt explicit = config.optionalInteger("head_dim");
    if (explicit.isPresent()) {
      return explicit.getAsInt();
    }
    if (numHeads < 1 || hiddenSize % numHeads != 0) {
      throw config.wrong("num_attention_heads", "must divide hidden_size=" + hiddenSize + " where head_dim is absent");
    }
    return hiddenSize / numHeads;
  }

  /**
   * Special tokens of the generation config if it names them, as in transformers' generation; else of the config.
   */
  private int[] tokens(String field, int vocabSize) {
    JsonFields source = generation.filter(file -> file.has(field)).orElse(config);
    List<Integer> ids = source.integers(field);
    if (ids.stream().anyMatch(id -> id < 0 || id >= vocabSize)) {
      throw source.wrong(field, "must be between 0 and " + (vocabSize - 1) + ", the last of vocab_size=" + vocabSize);
    }
    return ids.stream().mapToInt(Integer::intValue).toArray();
  }

  private Rope rope() {
    Rope rope = rope(config.has("rope_parameters") ? "rope_parameters" : "rope_scaling");
    if (config.has("rope_parameters") && config.has("rope_scaling")
        && !rope("rope_scaling").scaling().equals(rope.scaling())) {
      throw config.wrong("rope_scaling", "must say the same as rope_parameters, or be absent");
    }
    return rope;
  }

  private Rope rope(String field) {
    Optional<JsonFields> parameters = config.optionalObject(field);
    double theta = parameters.filter(it -> it.has("rope_theta")).orElse(config)
        .optionalNumber("rope_theta").orElse(DEFAULT_THETA);
    if (parameters.filter(it -> it.has("partial_rotary_factor")).orElse(config)
        .optionalNumber("partial_rotary_factor").orElse(1) != 1) {
      throw config.wrong("partial_rotary_factor", "must be 1: Llama turns whole heads");
    }
    RopeScaling scaling = parameters.map(ConfigFile::scaling).orElseGet(RopeScaling.Default::new);
    return located(config.file(), () -> new Rope(theta, scaling));
  }

  private static RopeScaling scaling(JsonFields parameters) {
    String field = parameters.has("rope_type") ? "rope_type" : "type"; // "type" until transformers 4.43
    if (!parameters.has(field) && parameters.has("factor")) {
      throw parameters.wrong("rope_type", "must say what the factor scales: linear or llama3");
    }
    return switch (parameters.optionalText(field).orElse("default")) {
      case "default" -> new RopeScaling.Default();
      case "linear" -> {
        double factor = parameters.number("factor");
        yield located(parameters, () -> new RopeScaling.Linear(factor));
      }
      case "llama3" -> {
        double factor = parameters.number("factor");
        double low = parameters.number("low_freq_factor");
        double high = parameters.number("high_freq_factor");
        int original = parameters.integer("original_max_position_embeddings");
        yield located(parameters, () -> new RopeScaling.Llama3(factor, low, high, original));
      }
      default -> throw parameters.wrong(field, "must be default, linear or llama3");
    };
  }

  /** Runs a record's constructor and names the file in its refusal. */
  private static <T> T located(Object source, Supplier<T> construct) {
    try {
      return construct.get();
    } catch (InputException e) {
      throw e.foundIn(source);
    }
  }
}
