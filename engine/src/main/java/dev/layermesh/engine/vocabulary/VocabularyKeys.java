package dev.layermesh.engine.vocabulary;

import java.util.List;

/** Metadata keys of the vocabulary in a GGUF file (GGUF specification, "Tokenizer"). */
public final class VocabularyKeys {
  public static final String TOKENS = "tokenizer.ggml.tokens";
  public static final String BOS = "tokenizer.ggml.bos_token_id";
  /** Ids of the tokens that end a text, a turn and a message. */
  public static final List<String> EOS = List.of(
      "tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id");
  /** All ids that end a text, where they are more than the keys of the specification hold. Our own key. */
  public static final String EVERY_EOS = "layermesh.eos_token_ids";

  /** A whole {@code tokenizer.json}. */
  static final String HUGGING_FACE = "tokenizer.huggingface.json";
  static final String MODEL = "tokenizer.ggml.model";
  static final String PRE = "tokenizer.ggml.pre";
  static final String TYPES = "tokenizer.ggml.token_type";
  static final String SCORES = "tokenizer.ggml.scores";
  static final String MERGES = "tokenizer.ggml.merges";
  static final String ADD_BOS = "tokenizer.ggml.add_bos_token";
  static final String ADD_EOS = "tokenizer.ggml.add_eos_token";
  static final String ADD_SPACE = "tokenizer.ggml.add_space_prefix";
  static final String UNKNOWN = "tokenizer.ggml.unknown_token_id";
  static final String PADDING = "tokenizer.ggml.padding_token_id";
  static final String TEMPLATE = "tokenizer.chat_template";

  private VocabularyKeys() {}
}
