package dev.layermesh.tokenizer;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.databind.JsonNode;
import dev.layermesh.decoding.InputException;
import java.util.BitSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * The parts of a {@code tokenizer.json} that the library does not show: which ids exist, which ids decoding skips, and
 * which ids are single bytes, whose text depends on their neighbours.
 */
record TokenizerJson(
    @JsonProperty("added_tokens") List<AddedToken> addedTokens, JsonNode decoder, Model model) {
  private static final Pattern BYTE_TOKEN = Pattern.compile("<0x[0-9A-F]{2}>");
  private static final int HIGHEST_ID = (1 << 24) - 1; // far above any vocabulary; bounds the bit sets

  record AddedToken(int id, String content, boolean special) {}

  record Model(Map<String, Integer> vocab) {}

  static TokenizerJson parse(byte[] bytes, String source) {
    TokenizerJson json = Json.read(bytes, TokenizerJson.class, source);
    if (json.model == null || json.model.vocab == null || json.model.vocab.isEmpty()) {
      throw InputException.in(source, "no model.vocab; it must be the tokenizer.json of a BPE tokenizer");
    }
    json.model.vocab.forEach((token, id) -> requireId(token, id, source));
    json.added().forEach(added -> requireId("added_tokens", added == null ? null : added.id, source));
    return json;
  }

  private static void requireId(String token, Integer id, String source) {
    if (id == null || id < 0 || id > HIGHEST_ID) {
      throw InputException.in(source, "id of " + Json.oneLine(token), id, "must be an id in 0.." + HIGHEST_ID);
    }
  }

  private List<AddedToken> added() {
    return Optional.ofNullable(addedTokens).orElse(List.of());
  }

  /** The id of a token by its text. */
  Optional<Integer> id(String token) {
    return added().stream().filter(each -> token.equals(each.content)).map(AddedToken::id).findFirst()
        .or(() -> Optional.ofNullable(model.vocab.get(token)));
  }

  /** Every id that has a token. */
  BitSet known() {
    BitSet known = new BitSet();
    model.vocab.values().forEach(known::set);
    added().forEach(each -> known.set(each.id));
    return known;
  }

  /** The ids that decoding skips. */
  BitSet special() {
    BitSet special = new BitSet();
    added().stream().filter(AddedToken::special).forEach(each -> special.set(each.id));
    return special;
  }

  /**
   * The ids of byte tokens ({@code <0xE4>}) when the decoder falls back to bytes: it turns a whole run of them into
   * text at once, so the text of a run is known only when the run has ended.
   */
  BitSet byteFallback() {
    BitSet bytes = new BitSet();
    if (decoder != null && decoder.findValuesAsText("type").contains("ByteFallback")) {
      model.vocab.forEach((token, id) -> {
        if (BYTE_TOKEN.matcher(token).matches()) {
          bytes.set(id);
        }
      });
    }
    return bytes;
  }
}
