package dev.layermesh.engine.vocabulary;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.layermesh.decoding.InputException;
import dev.layermesh.engine.gguf.GgufWriter;
import dev.layermesh.engine.json.JsonFields;
import dev.layermesh.engine.model.ModelConfig;
import dev.layermesh.engine.model.ModelFiles;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;
import java.util.stream.StreamSupport;

/**
 * Writes a {@code tokenizer.json} as metadata of a GGUF file (GGUF specification, "Tokenizer"): the whole file, which
 * this engine reads back, and tokens, types and merges or scores, which other programs read.
 */
public final class GgufVocabulary {
  private static final Pattern BYTE = Pattern.compile("<0x[0-9A-F]{2}>");

  private final Path file;
  private final JsonNode json;
  private final ModelConfig config;
  private final Map<String, Integer> ids = new HashMap<>();
  private final String[] tokens; // [V]
  private final int[] types; // [V]

  private GgufVocabulary(Path file, byte[] bytes, ModelConfig config) {
    this.file = file;
    this.config = config;
    try {
      this.json = new JsonMapper().readTree(bytes);
    } catch (IOException e) {
      throw InputException.in(file, "not valid JSON");
    }
    this.tokens = new String[config.vocabSize()];
    this.types = new int[config.vocabSize()];
  }

  /**
   * Adds the vocabulary of a checkpoint.
   *
   * @param folder where {@code files} were read, for messages
   * @throws InputException naming file, field and value when it has none, or one that GGUF cannot hold
   */
  public static void describe(Path folder, ModelFiles files, ModelConfig config, GgufWriter writer) {
    Path file = folder.resolve(ModelFiles.TOKENIZER_JSON);
    byte[] bytes = Optional.ofNullable(files.contents().get(ModelFiles.TOKENIZER_JSON))
        .orElseThrow(() -> InputException.in(file, "no such file"));
    var vocabulary = new GgufVocabulary(file, bytes, config);
    vocabulary.collect();
    vocabulary.describe(writer);
    vocabulary.describeSpecialTokens(writer, Optional.ofNullable(files.contents().get(ModelFiles.TOKENIZER_CONFIG))
        .map(json -> JsonFields.parse(folder.resolve(ModelFiles.TOKENIZER_CONFIG), json)));
    writer.text(VocabularyKeys.HUGGING_FACE, new String(bytes, StandardCharsets.UTF_8));
    files.chatTemplate(folder).ifPresent(text -> writer.text(VocabularyKeys.TEMPLATE, text));
  }

  private void collect() {
    if (!json.at("/model/type").asText("BPE").equals("BPE") || !json.at("/model/vocab").isObject()) {
      throw InputException.in(file, "model.type", json.at("/model/type"), "must be BPE");
    }
    json.at("/model/vocab").properties().forEach(
        token -> put(token.getKey(), token.getValue(), sentencePiece() && BYTE.matcher(token.getKey()).matches()
            ? TokenType.BYTE
            : TokenType.NORMAL));
    for (JsonNode added : json.path("added_tokens")) {
      put(added.path("content").asText(), added.path("id"), added.path("special").asBoolean()
          ? TokenType.CONTROL
          : TokenType.USER_DEFINED);
    }
    for (int id = 0; id < tokens.length; id++) {
      if (tokens[id] == null) {
        tokens[id] = "[PAD" + id + "]"; // a row of the model without a token
        types[id] = TokenType.UNUSED;
      }
    }
  }

  private void put(String token, JsonNode id, int type) {
    if (!id.isInt() || id.intValue() < 0 || id.intValue() >= tokens.length) {
      throw InputException.in(file, "id of " + token, id, "must be an id below vocab_size=" + tokens.length);
    }
    tokens[id.intValue()] = token;
    types[id.intValue()] = type;
    ids.put(token, id.intValue());
  }

  /** Whether the vocabulary is SentencePiece: bytes outside of its tokens have byte tokens. */
  private boolean sentencePiece() {
    return json.at("/model/byte_fallback").asBoolean();
  }

  private void describe(GgufWriter writer) {
    writer.text(VocabularyKeys.MODEL, sentencePiece() ? "llama" : "gpt2");
    if (sentencePiece()) {
      writer.text(VocabularyKeys.PRE, "default").numbers(VocabularyKeys.SCORES, scores());
      writer.flag(VocabularyKeys.ADD_SPACE, json.path("normalizer").toString().contains("\"Prepend\""));
    } else {
      PreTokenizer.saidBy(json.path("pre_tokenizer")).ifPresent(pre -> writer.text(VocabularyKeys.PRE, pre.ggufName()));
      writer.texts(VocabularyKeys.MERGES, merges().stream().map(merge -> merge.get(0) + " " + merge.get(1)).toList());
    }
    writer.texts(VocabularyKeys.TOKENS, Arrays.asList(tokens)).integers(VocabularyKeys.TYPES, types);
    JsonNode single = Optional.ofNullable(json.path("post_processor").findValue("single"))
        .orElse(json.path("nothing"));
    writer.flag(VocabularyKeys.ADD_BOS, single.path(0).has("SpecialToken"));
    writer.flag(VocabularyKeys.ADD_EOS, single.size() > 1 && single.path(single.size() - 1).has("SpecialToken"));
  }

  private void describeSpecialTokens(GgufWriter writer, Optional<JsonFields> tokenizerConfig) {
    config.bosId().ifPresent(id -> writer.integer(VocabularyKeys.BOS, id));
    int[] eosIds = config.eosIds().toArray();
    if (eosIds.length > 0) {
      int named = role(tokenizerConfig, "eos_token").orElse(eosIds[0]);
      writer.integer(
          VocabularyKeys.EOS.getFirst(), Arrays.stream(eosIds).anyMatch(id -> id == named) ? named : eosIds[0]);
      writer.integers(VocabularyKeys.EVERY_EOS, eosIds);
    }
    role(tokenizerConfig, "unk_token").ifPresent(id -> writer.integer(VocabularyKeys.UNKNOWN, id));
    role(tokenizerConfig, "pad_token").ifPresent(id -> writer.integer(VocabularyKeys.PADDING, id));
  }

  /** The id of a token that the tokenizer config names: a text, or an object that holds it as {@code content}. */
  private Optional<Integer> role(Optional<JsonFields> tokenizerConfig, String name) {
    return tokenizerConfig.flatMap(fields -> fields.textOrContent(name)).map(ids::get);
  }

  private List<List<String>> merges() {
    List<List<String>> merges = new ArrayList<>();
    for (JsonNode merge : json.at("/model/merges")) {
      List<String> pair = merge.isArray()
          ? StreamSupport.stream(merge.spliterator(), false).map(JsonNode::asText).toList()
          : List.of(merge.asText().split(" ", 2));
      if (pair.size() != 2) {
        throw InputException.in(file, "model.merges[" + merges.size() + "]", merge, "must be two tokens");
      }
      merges.add(pair);
    }
    return merges;
  }

  /** An earlier merge gives its token a higher score. */
  private float[] scores() {
    float[] scores = new float[tokens.length];
    List<List<String>> merges = merges();
    for (int rank = merges.size() - 1; rank >= 0; rank--) {
      Integer id = ids.get(String.join("", merges.get(rank)));
      if (id != null) {
        scores[id] = -rank;
      }
    }
    return scores;
  }
}
