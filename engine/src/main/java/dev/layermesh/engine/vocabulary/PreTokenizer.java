package dev.layermesh.engine.vocabulary;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * How a text is cut before byte-level BPE, by the name that GGUF gives it ({@code tokenizer.ggml.pre}). A name means
 * what llama.cpp makes of it (src/llama-vocab.cpp at 00ad355e, pre_type and regex_exprs); where llama.cpp quotes the
 * expression of the model's {@code tokenizer.json}, that expression is used, because llama.cpp's own differs from it
 * only in what its regular expressions cannot say.
 */
enum PreTokenizer {
  /** GPT-2: contractions, letters, digits, other signs, each with a space before. */
  GPT2("gpt-2"),
  /** SmolLM: single digits, then as GPT-2. */
  SMOLLM("smollm", "starcoder", "refact", "minerva-7b"),
  /** Llama 3: up to three digits together; a text begins with BOS; a token that is a whole word needs no merges. */
  LLAMA3("llama-bpe", "llama3", "llama-v3", "falcon3", "pixtral"),
  /** Cut as {@link #LLAMA3}, but words are always merged and a text does not begin with BOS. */
  SMAUG("smaug-bpe", "dbrx"),
  /** Qwen 2: as Llama 3 with single digits, on composed characters (NFC). */
  QWEN2("qwen2"),
  /** Mistral's Tekken: cuts before upper case within a word; single digits. */
  TEKKEN("tekken"),
  /** DeepSeek LLM: lines, letters of alphabets, punctuation, spaces at the end, East Asian letters, digits. */
  DEEPSEEK_LLM("deepseek-llm"),
  /** DeepSeek Coder: lines, letters, punctuation, East Asian letters, single digits. */
  DEEPSEEK_CODER("deepseek-coder"),
  /** What llama.cpp does where a converter knew of nothing better. */
  DEFAULT("default");

  private static final String SPACES = "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
  private static final String GPT2_WORDS =
      "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)";
  private static final String WORDS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}%s"
      + "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|" + SPACES;
  private static final String TEKKEN_WORDS =
      "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+"
          + "|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*"
          + "|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|" + SPACES;
  /** Letters of alphabets with upper and lower case: the ranges that DeepSeek's {@code tokenizer.json} lists. */
  private static final String ALPHABETS = "A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽ"
      + "Ა-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕἠ-ὅὈ-Ὅὐ-ὗὙὛὝὟ-ώᾀ-ᾴᾶ-ᾼιῂ-ῄῆ-ῌῐ-ΐῖ-Ίῠ-Ῥῲ-ῴῶ-ῼℂℇℊ-ℓℕℙ-ℝℤΩℨK-ℭℯ-ℴℹℼ-ℿⅅ-ⅉⅎↃↄ"
      + "Ⰰ-ⱻⱾ-ⳤⳫ-ⳮⲳⲳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎꭰ-ꮿﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃";
  private static final String EAST_ASIAN = "[一-龥ࠀ-一가-퟿]+";

  private final List<String> names;

  PreTokenizer(String... names) {
    this.names = List.of(names);
  }

  /** The one of a name. */
  static Optional<PreTokenizer> named(String name) {
    return Arrays.stream(values()).filter(each -> each.names.contains(name)).findFirst();
  }

  /**
   * The one of a file that names none, where its vocabulary can only be of one model: files of Llama 3 that were
   * written before there was a key for it.
   */
  static Optional<PreTokenizer> of(Set<String> tokens) {
    return tokens.containsAll(List.of("<|begin_of_text|>", "<|start_header_id|>", "<|eot_id|>"))
        ? Optional.of(LLAMA3)
        : Optional.empty();
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
    return this == LLAMA3 || this == TEKKEN;
  }

  /** Whether a piece that is a token is taken whole. */
  boolean wholeTokensFirst() {
    return this == LLAMA3 || this == TEKKEN;
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
      case SMOLLM -> sequence(singleDigits(), byteLevel(true));
      case LLAMA3, SMAUG -> sequence(split(WORDS.formatted("{1,3}")), byteLevel(false));
      case QWEN2 -> sequence(split(WORDS.formatted("")), byteLevel(false));
      case TEKKEN -> sequence(split(TEKKEN_WORDS), byteLevel(false));
      case DEEPSEEK_LLM -> sequence(split("[\\r\\n]"), split("\\s?[" + ALPHABETS + "]+"),
          split("\\s?[!-/:-~！-／：-～‘-‟　-。]+"), split("\\s+$"), split(EAST_ASIAN), split("\\p{N}+"),
          byteLevel(false));
      case DEEPSEEK_CODER -> sequence(split("[\\r\\n]"), split("\\s?\\p{L}+"), split("\\s?\\p{P}+"),
          split(EAST_ASIAN), singleDigits(), byteLevel(false));
      case DEFAULT -> sequence(split("[\\p{P}\\$\\+<=>\\^~\\|]+"), split(GPT2_WORDS), split("\\p{N}+"),
          split("[0-9][0-9][0-9]"), byteLevel(false));
    };
  }

  /** Bytes as printable characters. */
  static ObjectNode byteLevel(boolean cutting) {
    return JsonNodeFactory.instance.objectNode()
        .put("type", "ByteLevel").put("add_prefix_space", false).put("trim_offsets", true).put("use_regex", cutting);
  }

  private static ObjectNode singleDigits() {
    return JsonNodeFactory.instance.objectNode().put("type", "Digits").put("individual_digits", true);
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
