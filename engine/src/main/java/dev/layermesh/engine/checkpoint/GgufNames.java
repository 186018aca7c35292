package dev.layermesh.engine.checkpoint;

import dev.layermesh.engine.model.ModelConfig;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Names and row orders of a Llama model's tensors in GGUF files (GGUF specification, tensor names). */
public final class GgufNames {
  /** The tensor of factors that divide rotary frequencies, in models with Llama 3.1's scaling. */
  public static final String ROPE_FACTORS = "rope_freqs.weight";

  private static final Pattern IN_LAYER = Pattern.compile("model\\.layers\\.(\\d+)\\.(.+)\\.weight");
  private static final Map<String, String> OUTSIDE = Map.of(
      "model.embed_tokens.weight", "token_embd.weight",
      "model.norm.weight", "output_norm.weight",
      "lm_head.weight", "output.weight");
  private static final Map<String, String> MODULES = Map.of(
      "input_layernorm", "attn_norm",
      "self_attn.q_proj", "attn_q",
      "self_attn.k_proj", "attn_k",
      "self_attn.v_proj", "attn_v",
      "self_attn.o_proj", "attn_output",
      "post_attention_layernorm", "ffn_norm",
      "mlp.gate_proj", "ffn_gate",
      "mlp.up_proj", "ffn_up",
      "mlp.down_proj", "ffn_down");

  private GgufNames() {}

  /** The name in a GGUF file of the tensor that transformers calls {@code name}. */
  public static String of(String name) {
    Matcher inLayer = IN_LAYER.matcher(name);
    return inLayer.matches()
        ? "blk." + inLayer.group(1) + "." + MODULES.get(inLayer.group(2)) + ".weight"
        : OUTSIDE.get(name);
  }

  /** The order in which GGUF stores the rows of the tensor that transformers calls {@code name}. */
  public static RowOrder order(String name, ModelConfig config) {
    return name.endsWith(".q_proj.weight") || name.endsWith(".k_proj.weight")
        ? new RowOrder.InterleavedPairs(config.headDim())
        : RowOrder.AS_STORED;
  }
}
