package dev.layermesh.tokenizer;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.layermesh.decoding.InputException;

/** The part of a {@code tokenizer.json} that adds special tokens to a text. */
final class PostProcessor {
  private PostProcessor() {}

  /**
   * A {@code tokenizer.json} whose post-processor adds exactly the given tokens.
   *
   * @throws InputException if one of them has no id
   */
  static byte[] replaced(byte[] tokenizer, TokenizerConfig.Around around, TokenizerJson json, String source) {
    ObjectNode root = Json.read(tokenizer, ObjectNode.class, source);
    ObjectNode processor = root.putObject("post_processor").put("type", "TemplateProcessing");
    ArrayNode single = processor.putArray("single");
    ArrayNode pair = processor.putArray("pair");
    ObjectNode tokens = processor.putObject("special_tokens");
    around.before().ifPresent(token -> {
      addSpecial(token, 0, single);
      addSpecial(token, 0, pair);
      define(token, json, source, tokens);
    });
    addText("A", 0, single);
    addText("A", 0, pair);
    addText("B", 1, pair);
    around.after().ifPresent(token -> {
      addSpecial(token, 0, single);
      addSpecial(token, 1, pair);
      define(token, json, source, tokens);
    });
    return Json.bytes(root);
  }

  private static void addSpecial(String token, int type, ArrayNode template) {
    template.addObject().putObject("SpecialToken").put("id", token).put("type_id", type);
  }

  private static void addText(String name, int type, ArrayNode template) {
    template.addObject().putObject("Sequence").put("id", name).put("type_id", type);
  }

  private static void define(String token, TokenizerJson json, String source, ObjectNode tokens) {
    int id = json.id(token).orElseThrow(() -> InputException.in(source, "token", token,
        "missing; tokenizer_config.json asks to add it to every text, so it must have an id"));
    ObjectNode definition = tokens.putObject(token).put("id", token);
    definition.putArray("ids").add(id);
    definition.putArray("tokens").add(token);
  }
}
