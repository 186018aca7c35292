package dev.layermesh.engine.checkpoint;

import dev.layermesh.engine.model.ModelConfig;
import java.util.List;

/**
 * A tensor that a Llama model needs, by the name that transformers gives it.
 *
 * @param name in the checkpoint
 * @param shape by the config
 */
record TensorSpec(String name, List<Integer> shape) {

  /** [V, D] */
  static TensorSpec embedding(ModelConfig config) {
    return new TensorSpec("model.embed_tokens.weight", List.of(config.vocabSize(), config.hiddenSize()));
  }

  /** [D] */
  static TensorSpec finalNorm(ModelConfig config) {
    return new TensorSpec("model.norm.weight", List.of(config.hiddenSize()));
  }

  /** [V, D]; a tied head is the embedding, even if the checkpoint has another one. */
  static TensorSpec projection(ModelConfig config) {
    return config.tiedHead()
        ? embedding(config)
        : new TensorSpec("lm_head.weight", List.of(config.vocabSize(), config.hiddenSize()));
  }

  /** The tensors of a layer, in the order of {@link LayerWeights}. */
  static List<TensorSpec> layer(ModelConfig config, int index) {
    int hidden = config.hiddenSize();
    int queries = config.numHeads() * config.headDim();
    int keys = config.numKvHeads() * config.headDim();
    int inner = config.intermediateSize();
    return List.of(
        inLayer(index, "input_layernorm", hidden),
        inLayer(index, "self_attn.q_proj", queries, hidden),
        inLayer(index, "self_attn.k_proj", keys, hidden),
        inLayer(index, "self_attn.v_proj", keys, hidden),
        inLayer(index, "self_attn.o_proj", hidden, queries),
        inLayer(index, "post_attention_layernorm", hidden),
        inLayer(index, "mlp.gate_proj", inner, hidden),
        inLayer(index, "mlp.up_proj", inner, hidden),
        inLayer(index, "mlp.down_proj", hidden, inner));
  }

  private static TensorSpec inLayer(int index, String module, Integer... shape) {
    return new TensorSpec("model.layers." + index + "." + module + ".weight", List.of(shape));
  }
}
