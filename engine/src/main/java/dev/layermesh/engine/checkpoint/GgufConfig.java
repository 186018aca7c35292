package dev.layermesh.engine.checkpoint;

import dev.layermesh.decoding.InputException;
import dev.layermesh.decoding.TokenIds;
import dev.layermesh.engine.gguf.GgmlType;
import dev.layermesh.engine.gguf.GgufFile;
import dev.layermesh.engine.gguf.GgufMetadata;
import dev.layermesh.engine.gguf.GgufTensor;
import dev.layermesh.engine.model.ModelConfig;
import dev.layermesh.engine.model.Rope;
import dev.layermesh.engine.model.RopeScaling;
import dev.layermesh.engine.vocabulary.VocabularyKeys;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.Supplier;
import java.util.stream.IntStream;

/**
 * The metadata of a GGUF file of the architecture llama (GGUF specification, "LLM", "llama"). What would make the model
 * another function than the engine computes is refused.
 */
final class GgufConfig {
  private static final double DEFAULT_THETA = 10_000; // of the specification
  private static final int MOST_EOS = 64;
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /** What the records of the model call the keys. */
  private static final Map<String, String> KEYS = Map.ofEntries(
      Map.entry("hidden_size", LlamaKeys.HIDDEN),
      Map.entry("intermediate_size", LlamaKeys.INTERMEDIATE),
      Map.entry("num_hidden_layers", LlamaKeys.LAYERS),
      Map.entry("num_attention_heads", LlamaKeys.HEADS),
      Map.entry("num_attention_heads * head_dim", LlamaKeys.HEADS),
      Map.entry("num_key_value_heads", LlamaKeys.KV_HEADS),
      Map.entry("head_dim", LlamaKeys.KEY_LENGTH),
      Map.entry("vocab_size", LlamaKeys.VOCABULARY),
      Map.entry("max_position_embeddings", LlamaKeys.CONTEXT),
      Map.entry("rms_norm_eps", LlamaKeys.EPS),
      Map.entry("rope_theta", LlamaKeys.THETA),
      Map.entry("factor", LlamaKeys.SCALING_FACTOR),
      Map.entry("rope_freqs.weight", GgufNames.ROPE_FACTORS),
      Map.entry("bos_token_id", VocabularyKeys.BOS),
      Map.entry("eos_token_id", VocabularyKeys.EOS.getFirst()),
      Map.entry("exit_layer", LlamaKeys.EXIT_LAYER));

  private final GgufFile gguf;
  private final GgufMetadata metadata;

  private GgufConfig(GgufFile gguf) {
    this.gguf = gguf;
    this.metadata = gguf.metadata();
  }

  /** @throws InputException naming file, key and value when the model is not a Llama model this engine can run */
  static ModelConfig read(GgufFile gguf) {
    return new GgufConfig(gguf).model();
  }

  private ModelConfig model() {
    requireLlama();
    int hiddenSize = metadata.integer(LlamaKeys.HIDDEN);
    int numHeads = metadata.integer(LlamaKeys.HEADS);
    int headDim = headDim(hiddenSize, numHeads);
    int vocabSize = metadata.optionalInteger(LlamaKeys.VOCABULARY).orElseGet(() -> metadata.length(VocabularyKeys.TOKENS));
    float eps = (float) metadata.optionalNumber(LlamaKeys.EPS).orElseThrow(() -> metadata.wrong(LlamaKeys.EPS, "must be a number"));
    Rope rope = rope(headDim);
    boolean tiedHead = !gguf.tensors().containsKey("output.weight");
    return located(() -> new ModelConfig(
        hiddenSize,
        metadata.integer(LlamaKeys.INTERMEDIATE),
        metadata.integer(LlamaKeys.LAYERS),
        numHeads,
        metadata.optionalInteger(LlamaKeys.KV_HEADS).orElse(numHeads),
        headDim,
        vocabSize,
        metadata.integer(LlamaKeys.CONTEXT),
        eps,
        rope,
        tiedHead,
        metadata.optionalInteger(VocabularyKeys.BOS),
        eosIds(vocabSize),
        metadata.optionalInteger(LlamaKeys.EXIT_LAYER)));
  }

  private void requireLlama() {
    if (!metadata.text(LlamaKeys.ARCHITECTURE).equals("llama")) {
      throw metadata.wrong(LlamaKeys.ARCHITECTURE, "only llama models run here");
    }
    if (metadata.optionalInteger("llama.expert_count").orElse(0) != 0) {
      throw metadata.wrong("llama.expert_count", "mixtures of experts are not supported");
    }
    if (metadata.optionalInteger("split.count").orElse(1) > 1) {
      throw metadata.wrong("split.count", "must be 1: merge the parts into one file");
    }
  }

  private int headDim(int hiddenSize, int numHeads) {
    if (!metadata.has(LlamaKeys.KEY_LENGTH) && (numHeads < 1 || hiddenSize % numHeads != 0)) {
      throw metadata.wrong(LlamaKeys.HEADS, "must divide " + LlamaKeys.HIDDEN + "=" + hiddenSize + " where " + LlamaKeys.KEY_LENGTH + " is absent");
    }
    int headDim = metadata.optionalInteger(LlamaKeys.KEY_LENGTH).orElseGet(() -> hiddenSize / numHeads);
    for (String key : List.of(LlamaKeys.VALUE_LENGTH, LlamaKeys.ROPE_DIMENSIONS)) {
      if (metadata.optionalInteger(key).orElse(headDim) != headDim) {
        throw metadata.wrong(key, "must be " + headDim + ", the length of a head");
      }
    }
    return headDim;
  }

  private Rope rope(int headDim) {
    double theta = metadata.optionalNumber(LlamaKeys.THETA).orElse(DEFAULT_THETA);
    RopeScaling scaling = switch (metadata.optionalText(LlamaKeys.SCALING).orElse("none")) {
      case "none" -> factors(headDim);
      case "linear" -> {
        if (gguf.tensors().containsKey(GgufNames.ROPE_FACTORS)) {
          throw metadata.wrong(LlamaKeys.SCALING, "must not stand beside " + GgufNames.ROPE_FACTORS);
        }
        double factor = metadata.optionalNumber(LlamaKeys.SCALING_FACTOR)
            .orElseThrow(() -> metadata.wrong(LlamaKeys.SCALING_FACTOR, "must be a number"));
        yield located(() -> new RopeScaling.Linear(factor));
      }
      default -> throw metadata.wrong(LlamaKeys.SCALING, "must be none or linear");
    };
    return located(() -> new Rope(theta, scaling));
  }

  private RopeScaling factors(int headDim) {
    GgufTensor tensor = gguf.tensors().get(GgufNames.ROPE_FACTORS);
    if (tensor == null) {
      return new RopeScaling.Default();
    }
    if (tensor.type() != GgmlType.F32 || !tensor.shape().equals(List.of((long) headDim / 2))) {
      throw InputException.in(gguf.file(), tensor.name() + ".dims", tensor.shape().reversed() + " " + tensor.type(),
          "must be [" + headDim / 2 + "] F32, a factor for each pair of a head");
    }
    List<Float> factors = new ArrayList<>();
    for (float factor : gguf.data(tensor).toArray(FLOAT)) {
      factors.add(factor);
    }
    return located(() -> new RopeScaling.Factors(factors));
  }

  private TokenIds eosIds(int vocabSize) {
    IntStream ids = metadata.has(VocabularyKeys.EVERY_EOS)
        ? IntStream.of(metadata.integers(VocabularyKeys.EVERY_EOS, MOST_EOS))
        : IntStream.concat(
            VocabularyKeys.EOS.stream().map(metadata::optionalInteger).flatMapToInt(OptionalInt::stream), endOfTurn(vocabSize));
    int[] distinct = ids.distinct().toArray();
    for (int id : distinct) {
      if (id < 0) {
        throw metadata.wrong(VocabularyKeys.EOS.getFirst(), "must be a token id");
      }
    }
    return TokenIds.of(distinct);
  }

  /** Files of Llama 3 that were written before there was a key for it have the token all the same. */
  private IntStream endOfTurn(int vocabSize) {
    if (metadata.has(VocabularyKeys.EOS.get(1)) || !metadata.has(VocabularyKeys.TOKENS)) {
      return IntStream.empty();
    }
    int id = metadata.texts(VocabularyKeys.TOKENS, vocabSize).indexOf("<|eot_id|>");
    return id < 0 ? IntStream.empty() : IntStream.of(id);
  }

  /** Names file and key in a refusal by a record's own constructor. */
  private <T> T located(Supplier<T> construct) {
    try {
      return construct.get();
    } catch (InputException e) {
      String key = KEYS.get(e.field());
      if (key == null) {
        throw e;
      }
      String message = Optional.ofNullable(e.getMessage()).orElse("");
      throw InputException.in(gguf.file(), key + message.substring(e.field().length()));
    }
  }
}
