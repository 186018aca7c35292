package dev.layermesh.engine.checkpoint;

import dev.layermesh.decoding.InputException;
import dev.layermesh.engine.gguf.GgufMetadata;
import dev.layermesh.engine.gguf.GgufParts;
import dev.layermesh.engine.model.ModelConfig;
import dev.layermesh.engine.model.Rope;
import dev.layermesh.engine.vocabulary.SpecialTokens;
import dev.layermesh.engine.vocabulary.VocabularyKeys;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;

/**
 * The metadata of a GGUF file of the architecture llama (GGUF specification, "LLM", "llama"). Refuses keys that
 * make the model another function than the one the engine computes.
 */
final class GgufConfig {
  private static final double DEFAULT_THETA = 10_000; // of the specification

  /** The key of each field that the records of the model name in their refusals. */
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

  private final GgufParts gguf;
  private final GgufMetadata metadata;

  private GgufConfig(GgufParts gguf) {
    this.gguf = gguf;
    this.metadata = gguf.metadata();
  }

  /** @throws InputException naming file, key and value when the model is not a Llama model this engine can run */
  static ModelConfig read(GgufParts gguf) {
    return new GgufConfig(gguf).model();
  }

  private ModelConfig model() {
    requireLlama();
    int hiddenSize = metadata.integer(LlamaKeys.HIDDEN);
    int numHeads = metadata.integer(LlamaKeys.HEADS);
    int headDim = headDim(hiddenSize, numHeads);
    int vocabSize = metadata.optionalInteger(LlamaKeys.VOCABULARY)
        .orElseGet(() -> metadata.length(VocabularyKeys.TOKENS));
    float eps = (float) metadata.optionalNumber(LlamaKeys.EPS)
        .orElseThrow(() -> metadata.wrong(LlamaKeys.EPS, "must be a number"));
    Rope rope = rope(headDim);
    var special = new SpecialTokens(metadata, vocabSize);
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
        special.bos(),
        special.ends(),
        metadata.optionalInteger(LlamaKeys.EXIT_LAYER)));
  }

  private void requireLlama() {
    if (!metadata.text(LlamaKeys.ARCHITECTURE).equals("llama")) {
      throw metadata.wrong(LlamaKeys.ARCHITECTURE, "only llama models run here");
    }
    if (metadata.optionalInteger("llama.expert_count").orElse(0) != 0) {
      throw metadata.wrong("llama.expert_count", "mixtures of experts are not supported");
    }
  }

  private int headDim(int hiddenSize, int numHeads) {
    if (!metadata.has(LlamaKeys.KEY_LENGTH) && (numHeads < 1 || hiddenSize % numHeads != 0)) {
      throw metadata.wrong(LlamaKeys.HEADS, "must divide " + LlamaKeys.HIDDEN + "=" + hiddenSize
          + " where " + LlamaKeys.KEY_LENGTH + " is absent");
    }
    int headDim = metadata.optionalInteger(LlamaKeys.KEY_LENGTH).orElseGet(() -> hiddenSize / numHeads);
    if (metadata.optionalInteger(LlamaKeys.VALUE_LENGTH).orElse(headDim) != headDim) {
      throw metadata.wrong(LlamaKeys.VALUE_LENGTH, "must be " + headDim + ", the length of a head");
    }
    return headDim;
  }

  private Rope rope(int headDim) {
    double theta = metadata.optionalNumber(LlamaKeys.THETA).orElse(DEFAULT_THETA);
    return located(() -> new Rope(theta, GgufRope.scaling(gguf, headDim)));
  }

  /** Runs a record's constructor and names file and key in its refusal. */
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
