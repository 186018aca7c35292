package dev.layermesh.tokenizer;

import com.fasterxml.jackson.databind.JsonNode;
import dev.layermesh.decoding.InputException;
import dev.layermesh.decoding.TokenIds;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** The tokens that end a generation, by the files of a checkpoint. */
public final class EosIds {
  private EosIds() {}

  /**
   * {@code eos_token_id} of {@code generation_config.json}, else of {@code config.json}: one id, several, or none. The
   * {@code eos_token} of {@code tokenizer_config.json} counts beside them: a chat template ends a turn with it, and
   * {@code generation_config.json} does not always name it.
   *
   * @throws InputException naming file, field and value
   */
  public static TokenIds of(TokenizerFiles files, Tokenizer tokenizer) {
    TokenIds configured = configured(files);
    Optional<TokenIds> named = find(files, TokenizerFiles.TOKENIZER_CONFIG, "eos_token")
        .map(token -> token.isObject() ? token.path("content") : token)
        .filter(JsonNode::isTextual)
        .map(token -> tokenizer.encodeRendered(token.textValue()))
        .filter(ids -> ids.length() == 1 && !configured.contains(ids.id(0)));
    return named.map(configured::concat).orElse(configured);
  }

  /** {@code eos_token_id} alone. */
  static TokenIds configured(TokenizerFiles files) {
    for (String name : List.of("generation_config.json", "config.json")) {
      Optional<JsonNode> eos = find(files, name, "eos_token_id");
      if (eos.isPresent()) {
        return ids(eos.get(), files.path(name));
      }
    }
    return TokenIds.empty();
  }

  private static Optional<JsonNode> find(TokenizerFiles files, String name, String field) {
    return files.find(name)
        .map(bytes -> Json.read(bytes, JsonNode.class, files.path(name)))
        .map(json -> {
          if (!json.isObject()) {
            throw InputException.in(files.path(name), "must hold a JSON object");
          }
          return json.path(field);
        })
        .filter(value -> !value.isMissingNode() && !value.isNull());
  }

  private static TokenIds ids(JsonNode eos, String source) {
    var list = new ArrayList<Integer>();
    for (JsonNode id : eos.isArray() ? eos : List.of(eos)) {
      if (!id.isInt() || id.intValue() < 0) {
        throw InputException.in(source, "eos_token_id", eos, "must be a token id or a list of them");
      }
      list.add(id.intValue());
    }
    return TokenIds.of(list.stream().mapToInt(Integer::intValue).toArray());
  }
}
