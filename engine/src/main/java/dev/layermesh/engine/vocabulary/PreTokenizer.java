package dev.layermesh.engine.vocabulary;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * How a text is cut before byte-level BPE, by the name that GGUF gives it ({@code tokenizer.ggml.pre}), as the
 * {@code tokenizer.json} of the models of that name says it.
 */
enum PreTokenizer {
  /** GPT-2: contractions, letters, digits, other signs, each with a space before. */
  GPT2("gpt-2", "default"),
  /** SmolLM: single digits, then as GPT-2. */
  SMOLLM("smollm"),
  /** Llama 3: up to three digits together; a text begins with BOS; a token that is a whole word needs no merges. */
  LLAMA3("llama-bpe", "llama3", "llama-v3"),
  /** Qwen 2: as Llama 3 with single digits, on composed characters (NFC). */
  QWEN2("qwen2");

  private static final String WORDS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}%s"
      + "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

  private final List<String> names;

  PreTokenizer(String... names) {
    this.names = List.of(names);
  }

  /** The one of a name. */
  static Optional<PreTokenizer> named(String name) {
    return Arrays.stream(values()).filter(each -> each.names.contains(name)).findFirst();
  }

  /** Every name that {@link #named} knows. */
  static List<String> allNames() {
    return Arrays.stream(values()).flatMap(each -> each.names.stream()).toList();
  }

  /** The one that a {@code pre_tokenizer} of a {@code tokenizer.json} is, if it is one of these. */
  static Optional<PreTokenizer> saidBy(JsonNode json) {
    return Arrays.stream(values()).filter(each -> plain(each.json()).equals(plain(json))).findFirst();
  }

  /** Without what changes no token. */
  private static JsonNode plain(JsonNode json) {
    JsonNode copy = json.deepCopy();
    copy.findParents("trim_offsets").forEach(parent -> ((ObjectNode) parent).remove("trim_offsets"));
    return copy;
  }

  /** What GGUF calls it. */
  String ggufName() {
    return names.getFirst();
  }

  /** Whether a text begins with BOS when the file does not say. */
  boolean beginsText() {
    return this == LLAMA3;
  }

  /** Whether a piece that is a token is taken whole. */
  boolean wholeTokensFirst() {
    return this == LLAMA3;
  }

  JsonNode normalizer() {
    return this == QWEN2
        ? JsonNodeFactory.instance.objectNode().put("type", "NFC")
        : JsonNodeFactory.instance.nullNode();
  }

  /** As {@code pre_tokenizer} of a {@code tokenizer.json}. */
  ObjectNode json() {
    return switch (this) {
      case GPT2 -> byteLevel(true);
      case SMOLLM -> sequence(
          JsonNodeFactory.instance.objectNode().put("type", "Digits").put("individual_digits", true), byteLevel(true));
      case LLAMA3 -> sequence(split(WORDS.formatted("{1,3}")), byteLevel(false));
      case QWEN2 -> sequence(split(WORDS.formatted("")), byteLevel(false));
    };
  }

  /** Bytes as printable characters. */
  static ObjectNode byteLevel(boolean cutting) {
    return JsonNodeFactory.instance.objectNode()
        .put("type", "ByteLevel").put("add_prefix_space", false).put("trim_offsets", true).put("use_regex", cutting);
  }

  private static ObjectNode sequence(ObjectNode... steps) {
    ObjectNode json = JsonNodeFactory.instance.objectNode().put("type", "Sequence");
    ArrayNode all = json.putArray("pretokenizers");
    all.addAll(List.of(steps));
    return json;
  }

  private static ObjectNode split(String regex) {
    ObjectNode json =
        JsonNodeFactory.instance.objectNode().put("type", "Split").put("behavior", "Isolated").put("invert", false);
    json.putObject("pattern").put("Regex", regex);
    return json;
  }
}
