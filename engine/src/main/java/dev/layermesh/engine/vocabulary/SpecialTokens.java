package dev.layermesh.engine.vocabulary;

import dev.layermesh.decoding.TokenIds;
import dev.layermesh.engine.gguf.GgufMetadata;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.Set;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * The special tokens of a GGUF file: the ones that the metadata names by id, and the ones that are known by their
 * spelling to end a text or a turn. An id outside of the vocabulary counts as absent, and {@link #warnings} lists it.
 * Immutable, any thread, as long as the file is mapped.
 */
public final class SpecialTokens {
  /**
   * Tokens that end a generation even if the metadata names other ids: {@code special_eog_ids} of llama.cpp
   * (src/llama-vocab.cpp at 00ad355e), without its tokens of fill-in-the-middle, which end no turn.
   */
  private static final Set<String> ENDS = Set.of("<|eot_id|>", "<|im_end|>", "<|end|>", "<|return|>", "<|call|>",
      "<|flush|>", "<|calls|>", "<end_of_turn>", "<|endoftext|>", "</s>", "<|eom_id|>", "<EOT>", "_<EOT>", "[EOT]",
      "[EOS]", "<|end_of_text|>", "<end_of_utterance>", "<eos>", "<turn|>", "<|tool_response>",
      "<\uFF5Cend\u2581of\u2581sentence\uFF5C>", "[e~[");
  private static final int MOST_ENDS = 64;
  private static final int DEFAULT_BOS = 1; // of SentencePiece models whose file names none

  private final GgufMetadata metadata;
  private final int vocabSize;

  /**
   * Reads nothing yet.
   *
   * @param vocabSize ids of the model are below it
   */
  public SpecialTokens(GgufMetadata metadata, int vocabSize) {
    this.metadata = metadata;
    this.vocabSize = vocabSize;
  }

  /** The token that a text begins with. */
  public OptionalInt bos() {
    OptionalInt named = id(VocabularyKeys.BOS);
    return named.isEmpty() && sentencePieceBegins() ? OptionalInt.of(DEFAULT_BOS) : named;
  }

  private boolean sentencePieceBegins() {
    if (!metadata.optionalText(VocabularyKeys.MODEL).orElse("").equals("llama")) {
      return false;
    }
    List<String> tokens = tokens();
    return tokens.size() > DEFAULT_BOS && tokens.get(DEFAULT_BOS).equals("<s>");
  }

  /** The token that ends a text, as the metadata names it. */
  OptionalInt eos() {
    return id(VocabularyKeys.EOS.getFirst());
  }

  OptionalInt unknown() {
    return id(VocabularyKeys.UNKNOWN);
  }

  OptionalInt padding() {
    return id(VocabularyKeys.PADDING);
  }

  /** All tokens that end a generation: those that the metadata names first, then those known by their spelling. */
  public TokenIds ends() {
    if (metadata.has(VocabularyKeys.EVERY_EOS)) {
      int[] every = metadata.integers(VocabularyKeys.EVERY_EOS, MOST_ENDS);
      for (int i = 0; i < every.length; i++) {
        if (every[i] < 0 || every[i] >= vocabSize) {
          throw metadata.wrong(VocabularyKeys.EVERY_EOS, i, every[i], "must be between 0 and " + (vocabSize - 1));
        }
      }
      return TokenIds.of(IntStream.of(every).distinct().toArray());
    }
    IntStream named = VocabularyKeys.EOS.stream().map(this::id).flatMapToInt(OptionalInt::stream);
    return TokenIds.of(IntStream.concat(named, spelled()).distinct().toArray());
  }

  /** Tokens of {@link #ENDS} of the type control or user-defined; of any type if the file has no types. */
  private IntStream spelled() {
    List<String> tokens = tokens();
    int[] types = metadata.has(VocabularyKeys.TYPES)
        ? metadata.integers(VocabularyKeys.TYPES, tokens.size())
        : new int[0];
    List<Integer> found = new ArrayList<>();
    Set<String> texts = new HashSet<>();
    for (int id = 0; id < tokens.size(); id++) {
      boolean special = id >= types.length || types[id] == TokenType.CONTROL || types[id] == TokenType.USER_DEFINED;
      if (special && ENDS.contains(tokens.get(id))) {
        found.add(id);
        texts.add(tokens.get(id));
      }
    }
    return found.stream().filter(id -> !withinTurn(tokens.get(id), texts)).mapToInt(Integer::intValue);
  }

  /** Two exceptions of llama.cpp: with certain other ends in the vocabulary, the token occurs within a turn. */
  private static boolean withinTurn(String token, Set<String> ends) {
    return switch (token) {
      case "<|end|>" -> (ends.contains("<|call|>") || ends.contains("<|calls|>"))
          && (ends.contains("<|return|>") || ends.contains("<|flush|>"));
      case "</s>" -> ends.contains("<|tool_response>");
      default -> false;
    };
  }

  private List<String> tokens() {
    return metadata.has(VocabularyKeys.TOKENS) ? metadata.texts(VocabularyKeys.TOKENS, vocabSize) : List.of();
  }

  /** One line for each id that the metadata names and the vocabulary does not have. */
  public List<String> warnings() {
    return Stream.concat(
        VocabularyKeys.EOS.stream(),
        Stream.of(VocabularyKeys.BOS, VocabularyKeys.UNKNOWN, VocabularyKeys.PADDING))
        .filter(key -> metadata.has(key) && id(key).isEmpty())
        .map(key -> metadata.wrong(key, "is ignored: must be between 0 and " + (vocabSize - 1)).getMessage())
        .toList();
  }

  /** Reads a number of any width, because some writers use the largest one for "none". */
  private OptionalInt id(String key) {
    OptionalDouble number = metadata.optionalNumber(key);
    return number.isPresent() && number.getAsDouble() >= 0 && number.getAsDouble() < vocabSize
        ? metadata.optionalInteger(key)
        : OptionalInt.empty();
  }
}
