package dev.layermesh.tokenizer;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.MissingNode;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * What {@code tokenizer_config.json} and {@code special_tokens_map.json} say of special tokens, read as transformers
 * reads them.
 *
 * @param json the first file; missing where there is none
 * @param specialTokens texts by name, as {@code bos_token}
 */
record TokenizerConfig(JsonNode json, Map<String, String> specialTokens) {
  /** Special tokens of tokenizer classes whose files may leave them out: the defaults of transformers. */
  private static final Map<String, Map<String, String>> CLASS_TOKENS = Map.of(
      "LlamaTokenizer", Map.of("bos_token", "<s>", "eos_token", "</s>", "unk_token", "<unk>"),
      "CodeLlamaTokenizer", Map.of("bos_token", "<s>", "eos_token", "</s>", "unk_token", "<unk>"),
      "GemmaTokenizer", Map.of("bos_token", "<bos>", "eos_token", "<eos>", "unk_token", "<unk>", "pad_token", "<pad>"),
      "CohereTokenizer", Map.of("bos_token", "<BOS_TOKEN>", "eos_token", "<|END_OF_TURN_TOKEN|>",
          "unk_token", "<UNK>", "pad_token", "<PAD>"));

  static TokenizerConfig read(TokenizerFiles files) {
    JsonNode config = json(files, TokenizerFiles.TOKENIZER_CONFIG);
    JsonNode map = json(files, TokenizerFiles.SPECIAL_TOKENS_MAP);
    Map<String, String> tokens = new LinkedHashMap<>(CLASS_TOKENS.getOrDefault(tokenizerClass(config), Map.of()));
    // The map counts first, unless the configuration lists the added tokens itself: then the map is a copy of it.
    boolean mapIsCopy = config.has("added_tokens_decoder");
    putTokens(mapIsCopy ? map : config, tokens);
    putTokens(mapIsCopy ? config : map, tokens);
    return new TokenizerConfig(config, tokens);
  }

  private static JsonNode json(TokenizerFiles files, String name) {
    return files.find(name).map(bytes -> Json.read(bytes, JsonNode.class, files.path(name)))
        .orElse(MissingNode.getInstance());
  }

  /** Every {@code …_token} of a file: a text, an object that holds it as {@code content}, or null for none. */
  private static void putTokens(JsonNode file, Map<String, String> tokens) {
    file.properties().forEach(field -> {
      JsonNode text = field.getValue().isObject() ? field.getValue().path("content") : field.getValue();
      if (!field.getKey().endsWith("_token")) {
        return;
      }
      if (text.isTextual()) {
        tokens.put(field.getKey(), text.textValue());
      } else if (text.isNull()) {
        tokens.remove(field.getKey());
      }
    });
  }

  /** The tokenizer class without the ending of its variant in Rust. */
  private static String tokenizerClass(JsonNode config) {
    String name = config.path("tokenizer_class").asText();
    return name.endsWith("Fast") ? name.substring(0, name.length() - "Fast".length()) : name;
  }

  /** The special tokens that a class puts around a text. */
  record Around(Optional<String> before, Optional<String> after) {}

  /**
   * What goes around a text by {@code add_bos_token} and {@code add_eos_token}, if there is a flag and the tokenizer
   * class obeys it: transformers then replaces the post-processor of {@code tokenizer.json}. Other classes ignore the
   * flags.
   */
  Optional<Around> around() {
    boolean obeyed = CLASS_TOKENS.containsKey(tokenizerClass(json));
    if (!obeyed || !json.has("add_bos_token") && !json.has("add_eos_token")) {
      return Optional.empty();
    }
    return Optional.of(new Around(
        token("bos_token").filter(token -> json.path("add_bos_token").asBoolean(true)),
        token("eos_token").filter(token -> json.path("add_eos_token").asBoolean(false))));
  }

  private Optional<String> token(String name) {
    return Optional.ofNullable(specialTokens.get(name));
  }
}
