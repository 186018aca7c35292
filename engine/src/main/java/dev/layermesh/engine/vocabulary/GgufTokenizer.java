package dev.layermesh.engine.vocabulary;

import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.JsonSerializable;
import com.fasterxml.jackson.databind.SerializerProvider;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.jsontype.TypeSerializer;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.layermesh.engine.gguf.GgufMetadata;
import dev.layermesh.engine.model.ModelConfig;
import dev.layermesh.engine.model.ModelFiles;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * Makes the files of a Hugging Face folder from the vocabulary of a GGUF file (GGUF specification, "Tokenizer"), so
 * that tokenizers and gateways do not need to know GGUF. Copies {@code tokenizer.huggingface.json} if the metadata has
 * it; else makes {@code tokenizer.json} of tokens, types, merges or scores and the name of the pre-tokenizer.
 */
public final class GgufTokenizer {
  private static final int MOST_MERGES = 1 << 24;
  private static final char SPACE = '\u2581'; // of SentencePiece
  private static final JsonMapper JSON = new JsonMapper();

  private final GgufMetadata metadata;
  private final ModelConfig config;
  private final SpecialTokens special;
  private final List<String> tokens;
  private final Map<String, Integer> ids;
  private final int[] types;

  /** A large value that is written piece by piece: a JSON tree of it would need more memory than the rest of a load. */
  private interface Streamed extends JsonSerializable {
    void write(JsonGenerator json) throws IOException;

    @Override
    default void serialize(JsonGenerator json, SerializerProvider provider) throws IOException {
      write(json);
    }

    @Override
    default void serializeWithType(JsonGenerator json, SerializerProvider provider, TypeSerializer types)
        throws IOException {
      write(json);
    }
  }

  private GgufTokenizer(GgufMetadata metadata, ModelConfig config) {
    this.metadata = metadata;
    this.config = config;
    this.special = new SpecialTokens(metadata, config.vocabSize());
    this.tokens = metadata.texts(VocabularyKeys.TOKENS, config.vocabSize());
    this.ids = HashMap.newHashMap(tokens.size());
    for (int id = 0; id < tokens.size(); id++) {
      Integer before = ids.put(tokens.get(id), id);
      if (before != null) {
        throw metadata.wrong(VocabularyKeys.TOKENS, id, tokens.get(id), "is the same as token " + before);
      }
    }
    this.types = metadata.has(VocabularyKeys.TYPES)
        ? metadata.integers(VocabularyKeys.TYPES, tokens.size())
        : normal(tokens.size());
    if (types.length != tokens.size()) {
      throw metadata.wrong(
          VocabularyKeys.TYPES, "must hold as many as " + VocabularyKeys.TOKENS + ", " + tokens.size());
    }
  }

  private static int[] normal(int count) {
    int[] types = new int[count];
    Arrays.fill(types, TokenType.NORMAL);
    return types;
  }

  /**
   * The files.
   *
   * @throws dev.layermesh.decoding.InputException naming file, key and value when the vocabulary is damaged or of a
   *     kind that {@code tokenizer.json} cannot hold
   */
  public static ModelFiles files(GgufMetadata metadata, ModelConfig config) {
    var tokenizer = new GgufTokenizer(metadata, config);
    SortedMap<String, byte[]> contents = new TreeMap<>();
    contents.put(ModelFiles.CONFIG_JSON, bytes(tokenizer.configJson()));
    contents.put(ModelFiles.TOKENIZER_JSON, metadata.optionalText(VocabularyKeys.HUGGING_FACE)
        .map(text -> text.getBytes(StandardCharsets.UTF_8))
        .orElseGet(() -> bytes(tokenizer.tokenizerJson())));
    contents.put(ModelFiles.TOKENIZER_CONFIG, bytes(tokenizer.tokenizerConfig()));
    metadata.optionalText(VocabularyKeys.TEMPLATE).ifPresent(
        text -> contents.put(ModelFiles.CHAT_TEMPLATE, text.getBytes(StandardCharsets.UTF_8)));
    return new ModelFiles(contents);
  }

  /** The fields of {@code config.json} that a process without weights reads. */
  private ObjectNode configJson() {
    ObjectNode json = JsonNodeFactory.instance.objectNode()
        .put("model_type", "llama")
        .put("vocab_size", config.vocabSize())
        .put("max_position_embeddings", config.maxPositions());
    config.bosId().ifPresent(id -> json.put("bos_token_id", id));
    ArrayNode eosIds = json.putArray("eos_token_id");
    for (int id : config.eosIds().toArray()) {
      eosIds.add(id);
    }
    return json;
  }

  /** Special tokens by their roles; chat templates use some of them. */
  private ObjectNode tokenizerConfig() {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    token(config.bosId()).ifPresent(text -> json.put("bos_token", text));
    token(special.eos()).ifPresent(text -> json.put("eos_token", text));
    token(special.unknown()).ifPresent(text -> json.put("unk_token", text));
    token(special.padding()).ifPresent(text -> json.put("pad_token", text));
    return json.put("model_max_length", config.maxPositions()).put("tokenizer_class", "PreTrainedTokenizerFast");
  }

  private Optional<String> token(OptionalInt id) {
    return id.stream().filter(it -> it >= 0 && it < tokens.size()).mapToObj(tokens::get).findFirst();
  }

  private ObjectNode tokenizerJson() {
    return switch (metadata.text(VocabularyKeys.MODEL)) {
      case "gpt2" -> byteLevel();
      case "llama" -> sentencePiece();
      default -> throw metadata.wrong(VocabularyKeys.MODEL, "must be gpt2 or llama: other vocabularies are not read");
    };
  }

  /** Byte-level BPE. */
  private ObjectNode byteLevel() {
    PreTokenizer pre = preTokenizer();
    ObjectNode json = JsonNodeFactory.instance.objectNode().put("version", "1.0");
    json.set("added_tokens", addedTokens());
    json.set("normalizer", pre.normalizer());
    json.set("pre_tokenizer", pre.json());
    boolean addBos = metadata.optionalFlag(VocabularyKeys.ADD_BOS).orElse(pre.beginsText());
    json.set("post_processor", postProcessor(addBos));
    json.set("decoder", PreTokenizer.byteLevel(true));
    json.set("model", bpe(merges()).put("ignore_merges", pre.wholeTokensFirst()));
    return json;
  }

  /** The pre-tokenizer that the file names, or the one that its tokens identify if it names none. */
  private PreTokenizer preTokenizer() {
    if (!metadata.has(VocabularyKeys.PRE)) {
      return PreTokenizer.of(ids.keySet()).orElseThrow(() -> metadata.wrong(VocabularyKeys.PRE,
          "must name how text is cut: write it with gguf-new-metadata --pre-tokenizer NAME FILE NEW_FILE of the Python"
              + " package gguf, where NAME is one of " + String.join(", ", PreTokenizer.allNames())));
    }
    return PreTokenizer.named(metadata.text(VocabularyKeys.PRE)).orElseThrow(() -> metadata.wrong(VocabularyKeys.PRE,
        "must be one of " + String.join(", ", PreTokenizer.allNames()) + ": convert the model's folder instead, with"
            + " layermesh convert --model FOLDER --to FILE"));
  }

  /**
   * BPE of SentencePiece: of all pairs that make a token, the one of the best score is merged first. The library merges
   * by rank, so every way of making a token becomes a merge, ranked by the token's score. If all scores are equal,
   * the converter had no scores, and the merges of the file count.
   */
  private ObjectNode sentencePiece() {
    ObjectNode json = JsonNodeFactory.instance.objectNode().put("version", "1.0");
    json.set("added_tokens", addedTokens());
    ArrayNode normalizers = json.putObject("normalizer").put("type", "Sequence").putArray("normalizers");
    if (metadata.optionalFlag(VocabularyKeys.ADD_SPACE).orElse(true)) {
      normalizers.addObject().put("type", "Prepend").put("prepend", String.valueOf(SPACE));
    }
    replace(normalizers.addObject(), " ", String.valueOf(SPACE));
    json.putNull("pre_tokenizer");
    json.set("post_processor", postProcessor(metadata.optionalFlag(VocabularyKeys.ADD_BOS).orElse(true)));
    ArrayNode decoders = json.putObject("decoder").put("type", "Sequence").putArray("decoders");
    replace(decoders.addObject(), String.valueOf(SPACE), " ");
    decoders.addObject().put("type", "ByteFallback");
    decoders.addObject().put("type", "Fuse");
    if (metadata.optionalFlag(VocabularyKeys.ADD_SPACE).orElse(true)) {
      decoders.addObject().put("type", "Strip").put("content", " ").put("start", 1).put("stop", 0);
    }
    ObjectNode model = bpe(rankedMerges()).put("fuse_unk", true).put("byte_fallback", true);
    token(special.unknown()).ifPresent(text -> model.put("unk_token", text));
    json.set("model", model);
    return json;
  }

  private static void replace(ObjectNode step, String from, String to) {
    step.put("type", "Replace").put("content", to).putObject("pattern").put("String", from);
  }

  private ObjectNode bpe(Streamed merges) {
    ObjectNode model = JsonNodeFactory.instance.objectNode().put("type", "BPE");
    List.of("dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix").forEach(model::putNull);
    model.put("fuse_unk", false).put("byte_fallback", false).put("ignore_merges", false);
    Streamed vocabulary = json -> {
      json.writeStartObject();
      for (int id = 0; id < tokens.size(); id++) {
        json.writeNumberField(tokens.get(id), id);
      }
      json.writeEndObject();
    };
    return model.putPOJO("vocab", vocabulary).putPOJO("merges", merges);
  }

  /** Tokens that the tokenizer finds before it cuts a text: control tokens, not shown, and user-defined ones. */
  private ArrayNode addedTokens() {
    ArrayNode added = JsonNodeFactory.instance.arrayNode();
    for (int id = 0; id < types.length; id++) {
      boolean special = types[id] == TokenType.CONTROL || types[id] == TokenType.UNKNOWN;
      if (special || types[id] == TokenType.USER_DEFINED) {
        added.addObject().put("id", id).put("content", tokens.get(id)).put("single_word", false)
            .put("lstrip", false).put("rstrip", false).put("normalized", false).put("special", special);
      }
    }
    return added;
  }

  /** Adds BOS and EOS around a text that is not a rendered chat. */
  private ObjectNode postProcessor(boolean addBos) {
    requireToken(VocabularyKeys.ADD_BOS, VocabularyKeys.BOS, config.bosId());
    requireToken(VocabularyKeys.ADD_EOS, VocabularyKeys.EOS.getFirst(), special.eos());
    Optional<String> bos = addBos ? token(config.bosId()) : Optional.empty();
    Optional<String> eos = metadata.optionalFlag(VocabularyKeys.ADD_EOS).orElse(false)
        ? token(special.eos())
        : Optional.empty();
    ObjectNode json = JsonNodeFactory.instance.objectNode().put("type", "TemplateProcessing");
    for (String arity : List.of("single", "pair")) {
      ArrayNode parts = json.putArray(arity);
      bos.ifPresent(text -> part(parts, "SpecialToken", text));
      part(parts, "Sequence", "A");
      if (arity.equals("pair")) {
        part(parts, "Sequence", "B");
      }
      eos.ifPresent(text -> part(parts, "SpecialToken", text));
    }
    ObjectNode special = json.putObject("special_tokens");
    for (String text : Stream.concat(bos.stream(), eos.stream()).distinct().toList()) {
      ObjectNode token = special.putObject(text).put("id", text);
      token.putArray("ids").add(ids.get(text));
      token.putArray("tokens").add(text);
    }
    return json;
  }

  /** Refuses a file that adds a token to every text and does not have the token. */
  private void requireToken(String flag, String key, OptionalInt id) {
    if (metadata.optionalFlag(flag).orElse(false) && token(id).isEmpty()) {
      throw metadata.wrong(key, "must be a token of the vocabulary, because " + flag + " is true");
    }
  }

  private static void part(ArrayNode parts, String kind, String id) {
    parts.addObject().putObject(kind).put("id", id).put("type_id", 0);
  }

  private Streamed merges() {
    List<String> lines = metadata.texts(VocabularyKeys.MERGES, MOST_MERGES);
    for (int i = 0; i < lines.size(); i++) {
      String line = lines.get(i);
      int space = line.indexOf(' ', 1);
      if (space < 0 || !ids.containsKey(line.substring(0, space)) || !ids.containsKey(line.substring(space + 1))
          || !ids.containsKey(line.substring(0, space) + line.substring(space + 1))) {
        throw metadata.wrong(
            VocabularyKeys.MERGES, i, line, "must be two tokens with a space between that make a third");
      }
    }
    return json -> {
      json.writeStartArray();
      for (String line : lines) {
        int space = line.indexOf(' ', 1);
        writePair(json, line.substring(0, space), line.substring(space + 1));
      }
      json.writeEndArray();
    };
  }

  private static void writePair(JsonGenerator json, String left, String right) throws IOException {
    json.writeStartArray();
    json.writeString(left);
    json.writeString(right);
    json.writeEndArray();
  }

  /** Two tokens that make a third. */
  private record Merge(String left, String right, float score) {}

  private Streamed rankedMerges() {
    float[] scores = metadata.numbers(VocabularyKeys.SCORES, tokens.size());
    if (scores.length != tokens.size()) {
      throw metadata.wrong(
          VocabularyKeys.SCORES, "must hold as many as " + VocabularyKeys.TOKENS + ", " + tokens.size());
    }
    if (!ranks(scores)) {
      if (!metadata.has(VocabularyKeys.MERGES)) {
        throw metadata.wrong(VocabularyKeys.SCORES, "must not all be equal where there is no " + VocabularyKeys.MERGES
            + ": convert the model's folder instead, with layermesh convert --model FOLDER --to FILE");
      }
      return merges();
    }
    return scoredMerges(scores);
  }

  /** Whether scores put the tokens that merges can make in an order. */
  private boolean ranks(float[] scores) {
    return IntStream.range(0, scores.length)
        .filter(id -> types[id] == TokenType.NORMAL && tokens.get(id).codePointCount(0, tokens.get(id).length()) > 1)
        .mapToObj(id -> scores[id])
        .distinct().limit(2).count() != 1;
  }

  private Streamed scoredMerges(float[] scores) {
    List<Merge> merges = new ArrayList<>();
    for (int id = 0; id < tokens.size(); id++) {
      if (types[id] == TokenType.NORMAL || types[id] == TokenType.USER_DEFINED) {
        String token = tokens.get(id);
        List<Merge> ways = new ArrayList<>();
        for (int cut = 1; cut < token.length(); cut = token.offsetByCodePoints(cut, 1)) {
          if (ids.containsKey(token.substring(0, cut)) && ids.containsKey(token.substring(cut))) {
            ways.add(new Merge(token.substring(0, cut), token.substring(cut), scores[id]));
          }
        }
        ways.sort(Comparator.comparing((Merge way) -> ids.get(way.left)).thenComparing(way -> ids.get(way.right)));
        merges.addAll(ways);
      }
    }
    merges.sort(Comparator.comparing(Merge::score).reversed());
    return json -> {
      json.writeStartArray();
      for (Merge merge : merges) {
        writePair(json, merge.left, merge.right);
      }
      json.writeEndArray();
    };
  }

  private static byte[] bytes(JsonNode json) {
    try {
      return JSON.writeValueAsBytes(json);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("JSON of strings and numbers", e);
    }
  }
}
