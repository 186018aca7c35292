package dev.layermesh.tokenizer;

import com.fasterxml.jackson.databind.JsonNode;
import dev.layermesh.decoding.TokenIds;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;

/** The checkpoints and references of the repository. */
final class Fixtures {
  private static final Path ROOT = Path.of(System.getProperty("layermesh.root"));
  static final Path LLAMA3 = ROOT.resolve("testkit/fixtures/tiny-llama3-gqa-tied-bf16");
  static final Path LLAMA2 = ROOT.resolve("testkit/fixtures/tiny-llama2-mha-untied-f32");
  static final Path SHAKESPEARE = ROOT.resolve("models/layerskip-shakespeare");

  private Fixtures() {}

  static Stream<Path> checkpoints() {
    return Stream.of(LLAMA3, LLAMA2, SHAKESPEARE);
  }

  static JsonNode json(Path file) {
    try {
      return Json.MAPPER.readTree(Files.readAllBytes(file));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static List<JsonNode> goldenCases(Path checkpoint) {
    return list(json(checkpoint.resolve("golden.json")).get("cases"));
  }

  static JsonNode chatTemplates() {
    return json(ROOT.resolve("testkit/fixtures/chat_templates.json"));
  }

  static List<JsonNode> list(JsonNode array) {
    return StreamSupport.stream(array.spliterator(), false).toList();
  }

  static TokenIds ids(JsonNode array) {
    return TokenIds.of(list(array).stream().mapToInt(JsonNode::intValue).toArray());
  }

  static List<ChatMessage> messages(JsonNode array) {
    List<ChatMessage> messages = new ArrayList<>();
    array.forEach(each -> messages.add(new ChatMessage(each.get("role").textValue(), each.get("content").textValue())));
    return messages;
  }

  static byte[] utf8(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  static TokenizerFiles files(String name, String content) {
    return new TokenizerFiles("memory", Map.of(name, utf8(content)));
  }

  static TokenizerFiles template(String template) {
    return files(TokenizerFiles.CHAT_TEMPLATE, template);
  }
}
