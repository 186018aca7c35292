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
  static final String ARCHITECTURE = "general.architecture";
  static final String CONTEXT = "llama.context_length";
  static final String HIDDEN = "llama.embedding_length";
  static final String LAYERS = "llama.block_count";
  static final String INTERMEDIATE = "llama.feed_forward_length";
  static final String HEADS = "llama.attention.head_count";
  static final String KV_HEADS = "llama.attention.head_count_kv";
  static final String KEY_LENGTH = "llama.attention.key_length";
  static final String VALUE_LENGTH = "llama.attention.value_length";
  static final String EPS = "llama.attention.layer_norm_rms_epsilon";
  static final String ROPE_DIMENSIONS = "llama.rope.dimension_count";
  static final String THETA = "llama.rope.freq_base";
  static final String SCALING = "llama.rope.scaling.type";
  static final String SCALING_FACTOR = "llama.rope.scaling.factor";
  static final String VOCABULARY = "llama.vocab_size";
  static final String TOKENS = "tokenizer.ggml.tokens";
  static final String BOS = "tokenizer.ggml.bos_token_id";
  static final List<String> EOS = List.of(
      "tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id");
  /** All ids that end a text, where they are more than the keys of the specification hold. Our own. */
  static final String EVERY_EOS = "layermesh.eos_token_ids";
  static final String EXIT_LAYER = "layerskip.exit_layer";

  private static final double DEFAULT_THETA = 10_000; // of the specification
  private static final int MOST_EOS = 64;
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /** What the records of the model call the keys. */
  private static final Map<String, String> KEYS = Map.ofEntries(
      Map.entry("hidden_size", HIDDEN),
      Map.entry("intermediate_size", INTERMEDIATE),
      Map.entry("num_hidden_layers", LAYERS),
      Map.entry("num_attention_heads", HEADS),
      Map.entry("num_attention_heads * head_dim", HEADS),
      Map.entry("num_key_value_heads", KV_HEADS),
      Map.entry("head_dim", KEY_LENGTH),
      Map.entry("vocab_size", VOCABULARY),
      Map.entry("max_position_embeddings", CONTEXT),
      Map.entry("rms_norm_eps", EPS),
      Map.entry("rope_theta", THETA),
      Map.entry("factor", SCALING_FACTOR),
      Map.entry("rope_freqs.weight", GgufNames.ROPE_FACTORS),
      Map.entry("bos_token_id", BOS),
      Map.entry("eos_token_id", EOS.getFirst()),
      Map.entry("exit_layer", EXIT_LAYER));

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
    int hiddenSize = metadata.integer(HIDDEN);
    int numHeads = metadata.integer(HEADS);
    int headDim = headDim(hiddenSize, numHeads);
    int vocabSize = metadata.optionalInteger(VOCABULARY).orElseGet(() -> metadata.length(TOKENS));
    float eps = (float) metadata.optionalNumber(EPS).orElseThrow(() -> metadata.wrong(EPS, "must be a number"));
    Rope rope = rope(headDim);
    boolean tiedHead = !gguf.tensors().containsKey("output.weight");
    return located(() -> new ModelConfig(
        hiddenSize,
        metadata.integer(INTERMEDIATE),
        metadata.integer(LAYERS),
        numHeads,
        metadata.optionalInteger(KV_HEADS).orElse(numHeads),
        headDim,
        vocabSize,
        metadata.integer(CONTEXT),
        eps,
        rope,
        tiedHead,
        metadata.optionalInteger(BOS),
        eosIds(vocabSize),
        metadata.optionalInteger(EXIT_LAYER)));
  }

  private void requireLlama() {
    if (!metadata.text(ARCHITECTURE).equals("llama")) {
      throw metadata.wrong(ARCHITECTURE, "only llama models run here");
    }
    if (metadata.optionalInteger("llama.expert_count").orElse(0) != 0) {
      throw metadata.wrong("llama.expert_count", "mixtures of experts are not supported");
    }
    if (metadata.optionalInteger("split.count").orElse(1) > 1) {
      throw metadata.wrong("split.count", "must be 1: merge the parts into one file");
    }
  }

  private int headDim(int hiddenSize, int numHeads) {
    if (!metadata.has(KEY_LENGTH) && (numHeads < 1 || hiddenSize % numHeads != 0)) {
      throw metadata.wrong(HEADS, "must divide " + HIDDEN + "=" + hiddenSize + " where " + KEY_LENGTH + " is absent");
    }
    int headDim = metadata.optionalInteger(KEY_LENGTH).orElseGet(() -> hiddenSize / numHeads);
    for (String key : List.of(VALUE_LENGTH, ROPE_DIMENSIONS)) {
      if (metadata.optionalInteger(key).orElse(headDim) != headDim) {
        throw metadata.wrong(key, "must be " + headDim + ", the length of a head");
      }
    }
    return headDim;
  }

  private Rope rope(int headDim) {
    double theta = metadata.optionalNumber(THETA).orElse(DEFAULT_THETA);
    RopeScaling scaling = switch (metadata.optionalText(SCALING).orElse("none")) {
      case "none" -> factors(headDim);
      case "linear" -> {
        if (gguf.tensors().containsKey(GgufNames.ROPE_FACTORS)) {
          throw metadata.wrong(SCALING, "must not stand beside " + GgufNames.ROPE_FACTORS);
        }
        double factor = metadata.optionalNumber(SCALING_FACTOR)
            .orElseThrow(() -> metadata.wrong(SCALING_FACTOR, "must be a number"));
        yield located(() -> new RopeScaling.Linear(factor));
      }
      default -> throw metadata.wrong(SCALING, "must be none or linear");
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
    IntStream ids = metadata.has(EVERY_EOS)
        ? IntStream.of(metadata.integers(EVERY_EOS, MOST_EOS))
        : IntStream.concat(
            EOS.stream().map(metadata::optionalInteger).flatMapToInt(OptionalInt::stream), endOfTurn(vocabSize));
    int[] distinct = ids.distinct().toArray();
    for (int id : distinct) {
      if (id < 0) {
        throw metadata.wrong(EOS.getFirst(), "must be a token id");
      }
    }
    return TokenIds.of(distinct);
  }

  /** Files of Llama 3 that were written before there was a key for it have the token all the same. */
  private IntStream endOfTurn(int vocabSize) {
    if (metadata.has(EOS.get(1)) || !metadata.has(TOKENS)) {
      return IntStream.empty();
    }
    int id = metadata.texts(TOKENS, vocabSize).indexOf("<|eot_id|>");
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
