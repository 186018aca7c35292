package dev.layermesh.engine.checkpoint;

/**
 * Metadata keys of a GGUF file of the architecture llama (GGUF specification, "LLM" and "llama"). The keys of its
 * vocabulary are {@link dev.layermesh.engine.vocabulary.VocabularyKeys}.
 */
public final class LlamaKeys {
  public static final String ARCHITECTURE = "general.architecture";
  public static final String CONTEXT = "llama.context_length";
  public static final String HIDDEN = "llama.embedding_length";
  public static final String LAYERS = "llama.block_count";
  public static final String INTERMEDIATE = "llama.feed_forward_length";
  public static final String HEADS = "llama.attention.head_count";
  public static final String KV_HEADS = "llama.attention.head_count_kv";
  public static final String KEY_LENGTH = "llama.attention.key_length";
  public static final String VALUE_LENGTH = "llama.attention.value_length";
  public static final String EPS = "llama.attention.layer_norm_rms_epsilon";
  public static final String ROPE_DIMENSIONS = "llama.rope.dimension_count";
  public static final String THETA = "llama.rope.freq_base";
  public static final String SCALING = "llama.rope.scaling.type";
  public static final String SCALING_FACTOR = "llama.rope.scaling.factor";
  /** The old name of {@link #SCALING_FACTOR}. */
  public static final String SCALE_LINEAR = "llama.rope.scale_linear";
  public static final String ATTENTION_FACTOR = "llama.rope.scaling.attn_factor";
  public static final String VOCABULARY = "llama.vocab_size";
  /** The layer a LayerSkip checkpoint was trained to exit at. Our own key. */
  public static final String EXIT_LAYER = "layerskip.exit_layer";

  private LlamaKeys() {}
}
