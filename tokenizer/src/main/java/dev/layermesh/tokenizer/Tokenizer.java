package dev.layermesh.tokenizer;

import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import dev.layermesh.decoding.InputException;
import dev.layermesh.decoding.TokenIds;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Map;

/**
 * The tokenizer of a checkpoint: {@code tokenizer.json}, run by the Hugging Face tokenizers library, so ids and text
 * are those of the reference implementation. Any number of threads may use it until it is closed.
 *
 * <p>{@code clean_up_tokenization_spaces} is not applied: text is the tokens' own, as streaming servers give it.
 */
public final class Tokenizer implements AutoCloseable {
  private final HuggingFaceTokenizer library;
  private final String source;
  private final BitSet known;
  private final BitSet special;
  private final BitSet byteFallback;

  private Tokenizer(HuggingFaceTokenizer library, String source, TokenizerJson json) {
    this.library = library;
    this.source = source;
    this.known = json.known();
    this.special = json.special();
    this.byteFallback = json.byteFallback();
  }

  /**
   * Opens the {@code tokenizer.json} of a set of files. Where {@code tokenizer_config.json} has {@code add_bos_token}
   * or {@code add_eos_token} and a tokenizer class that obeys them, they decide what {@link #encode} adds.
   *
   * @throws InputException if it is missing or damaged
   */
  public static Tokenizer open(TokenizerFiles files) {
    String source = files.path(TokenizerFiles.TOKENIZER);
    byte[] bytes = files.find(TokenizerFiles.TOKENIZER)
        .orElseThrow(() -> InputException.in(source, "missing; a checkpoint needs it to turn text into ids"));
    TokenizerJson json = TokenizerJson.parse(bytes, source);
    byte[] asConfigured = TokenizerConfig.read(files).around()
        .map(around -> PostProcessor.replaced(bytes, around, json, source)).orElse(bytes);
    NativeLibrary.prepare();
    return new Tokenizer(library(asConfigured, source), source, json);
  }

  private static HuggingFaceTokenizer library(byte[] bytes, String source) {
    Map<String, String> options = Map.of("truncation", "do_not_truncate", "padding", "do_not_pad");
    try {
      return HuggingFaceTokenizer.newInstance(new ByteArrayInputStream(bytes), options);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (RuntimeException e) {
      throw InputException.in(source, "not a tokenizer the library reads: " + Json.oneLine(e.getMessage()));
    }
  }

  /**
   * The ids of a prompt, with whatever the post-processor of {@code tokenizer.json} adds (a BOS token, for most
   * checkpoints). Special tokens spelled in the text become their ids.
   */
  public TokenIds encode(String text) {
    return encode(text, true);
  }

  /** The ids of a rendered chat template, which spells its own special tokens: nothing is added. */
  public TokenIds encodeRendered(String text) {
    return encode(text, false);
  }

  private TokenIds encode(String text, boolean addSpecialTokens) {
    long[] ids = library.encode(wellFormed(text), addSpecialTokens, false).getIds();
    return TokenIds.of(Arrays.stream(ids).mapToInt(Math::toIntExact).toArray());
  }

  /** Replaces half a surrogate pair, which has no UTF-8 form, by U+FFFD. */
  private static String wellFormed(String text) {
    return text.codePoints().noneMatch(Tokenizer::isLoneSurrogate)
        ? text
        : text.codePoints()
            .map(point -> isLoneSurrogate(point) ? 0xFFFD : point)
            .collect(StringBuilder::new, StringBuilder::appendCodePoint, StringBuilder::append)
            .toString();
  }

  private static boolean isLoneSurrogate(int codePoint) {
    return codePoint >= Character.MIN_SURROGATE && codePoint <= Character.MAX_SURROGATE;
  }

  /** The text of some ids without special tokens; bytes that are no UTF-8 become U+FFFD, unknown ids nothing. */
  public String decode(TokenIds ids) {
    return decode(ids.toArray());
  }

  /** The text of some ids, special tokens spelled out. */
  public String decodeWithSpecialTokens(TokenIds ids) {
    return library.decode(longs(ids.toArray()), false);
  }

  String decode(int... ids) {
    return library.decode(longs(ids), true);
  }

  private static long[] longs(int[] ids) {
    return Arrays.stream(ids).asLongStream().toArray();
  }

  /** Whether decoding gives no text for an id: it is a special token, or no token has it. */
  boolean isSilent(int id) {
    return special.get(id) || !known.get(id);
  }

  /** Whether an id is a byte of a run whose text is known only when the run has ended. */
  boolean isByte(int id) {
    return byteFallback.get(id);
  }

  /** One more than the highest id of any token, added tokens included. */
  public int vocabSize() {
    return known.length();
  }

  /**
   * Checks that a model has a row for every id this tokenizer can produce.
   *
   * @param modelVocabSize {@code vocab_size} of the model's {@code config.json}
   * @throws InputException if an id lies outside
   */
  public void requireFits(int modelVocabSize) {
    if (vocabSize() > modelVocabSize) {
      throw InputException.in(source, "highest id", vocabSize() - 1,
          "outside the model's vocabulary; ids must be below vocab_size=" + modelVocabSize + " of config.json");
    }
  }

  /** A detokenizer for one stream of ids, cutting at the first of the stop strings. */
  public StreamingDetokenizer stream(StopStrings stops) {
    return new StreamingDetokenizer(this, stops);
  }

  /** Frees the native tokenizer; no call may be running or follow. */
  @Override
  public void close() {
    library.close();
  }
}
