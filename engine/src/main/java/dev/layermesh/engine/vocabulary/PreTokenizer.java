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
 * what llama.cpp uses for it (src/llama-vocab.cpp at 00ad355e, pre_type and regex_exprs); if llama.cpp quotes the
 * expression of the model's {@code tokenizer.json}, this engine uses that expression; llama.cpp rewrites it only
 * because its regular expressions lack something.
 */
enum PreTokenizer {
  /** GPT-2: contractions, letters, digits, other signs, each with a space before. */
  GPT2("gpt-2"),
  /** SmolLM: single digits, then as GPT-2. */
  SMOLLM("smollm", "starcoder", "refact", "minerva-7b"),
  /** Llama 3: up to three digits together; a text begins with BOS; a word that is a token is not merged. */
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
  /** The default of llama.cpp, for converters that did not know the model's. */
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
  private static final String ALPHABETS =
      "A-Za-z\u00B5\u00C0-\u00D6\u00D8-\u00F6\u00F8-\u01BA\u01BC-\u01BF\u01C4-\u0293\u0295-\u02AF"
          + "\u0370-\u0373\u0376-\u0377\u037B-\u037D\u037F\u0386\u0388-\u038A\u038C\u038E-\u03A1\u03A3-\u03F5"
          + "\u03F7-\u0481\u048A-\u052F\u0531-\u0556\u10A0-\u10C5\u13A0-\u13F5\u13F8-\u13FD\u1C90-\u1CBA"
          + "\u1CBD-\u1CBF\u1D00-\u1D2B\u1D6B-\u1D77\u1D79-\u1D9A\u1E00-\u1F15\u1F18-\u1F1D\u1F20-\u1F45"
          + "\u1F48-\u1F4D\u1F50-\u1F57\u1F59\u1F5B\u1F5D\u1F5F-\u1F7D\u1F80-\u1FB4\u1FB6-\u1FBC\u1FBE"
          + "\u1FC2-\u1FC4\u1FC6-\u1FCC\u1FD0-\u1FD3\u1FD6-\u1FDB\u1FE0-\u1FEC\u1FF2-\u1FF4\u1FF6-\u1FFC\u2102"
          + "\u2107\u210A-\u2113\u2115\u2119-\u211D\u2124\u2126\u2128\u212A-\u212D\u212F-\u2134\u2139"
          + "\u213C-\u213F\u2145-\u2149\u214E\u2183-\u2184\u2C00-\u2C7B\u2C7E-\u2CE4\u2CEB-\u2CEE\u2CF2-\u2CF3"
          + "\uA640-\uA66D\uA680-\uA69B\uA722-\uA76F\uA771-\uA787\uA78B-\uA78E\uAB70-\uABBF\uFB00-\uFB06"
          + "\uFB13-\uFB17\uFF21-\uFF3A\uFF41-\uFF5A\uD801\uDC00-\uD801\uDC4F\uD801\uDCB0-\uD801\uDCD3"
          + "\uD801\uDCD8-\uD801\uDCFB\uD803\uDC80-\uD803\uDCB2\uD803\uDCC0-\uD803\uDCF2\uD806\uDCA0-\uD806\uDCDF"
          + "\uD83A\uDD00-\uD83A\uDD43";
  private static final String FULL_WIDTH_SIGNS = "\uFF01-\uFF0F\uFF1A-\uFF5E\u2018-\u201F\u3000-\u3002";
  private static final String EAST_ASIAN = "[\u4E00-\u9FA5\u0800-\u4E00\uAC00-\uD7FF]+";

  private final List<String> names;

  PreTokenizer(String... names) {
    this.names = List.of(names);
  }

  /** The pre-tokenizer of a name. */
  static Optional<PreTokenizer> named(String name) {
    return Arrays.stream(values()).filter(each -> each.names.contains(name)).findFirst();
  }

  /**
   * The pre-tokenizer of a file that names none, if its tokens identify the model: files of Llama 3 that are older than
   * the key.
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

  /** The pre-tokenizer that a {@code pre_tokenizer} of a {@code tokenizer.json} describes, if it is one of these. */
  static Optional<PreTokenizer> saidBy(JsonNode json) {
    return Arrays.stream(values()).filter(each -> plain(each.json()).equals(plain(json))).findFirst();
  }

  /** Removes a field that changes no token. */
  private static JsonNode plain(JsonNode json) {
    JsonNode copy = json.deepCopy();
    copy.findParents("trim_offsets").forEach(parent -> ((ObjectNode) parent).remove("trim_offsets"));
    return copy;
  }

  /** Its name in GGUF. */
  String ggufName() {
    return names.getFirst();
  }

  /** Whether a text begins with BOS if the file has no flag. */
  boolean beginsText() {
    return this == LLAMA3 || this == TEKKEN;
  }

  /** Whether a word that is a token is not merged. */
  boolean wholeTokensFirst() {
    return this == LLAMA3 || this == TEKKEN;
  }

  JsonNode normalizer() {
    return this == QWEN2
        ? JsonNodeFactory.instance.objectNode().put("type", "NFC")
        : JsonNodeFactory.instance.nullNode();
  }

  /** The {@code pre_tokenizer} of a {@code tokenizer.json}. */
  ObjectNode json() {
    return switch (this) {
      case GPT2 -> byteLevel(true);
      case SMOLLM -> sequence(singleDigits(), byteLevel(true));
      case LLAMA3, SMAUG -> sequence(split(WORDS.formatted("{1,3}")), byteLevel(false));
      case QWEN2 -> sequence(split(WORDS.formatted("")), byteLevel(false));
      case TEKKEN -> sequence(split(TEKKEN_WORDS), byteLevel(false));
      case DEEPSEEK_LLM -> sequence(split("[\\r\\n]"), split("\\s?[" + ALPHABETS + "]+"),
          split("\\s?[!-/:-~" + FULL_WIDTH_SIGNS + "]+"), split("\\s+$"), split(EAST_ASIAN), split("\\p{N}+"),
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
