package dev.layermesh.tokenizer;

import com.fasterxml.jackson.databind.JsonNode;
import dev.layermesh.decoding.InputException;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Renders conversations the way transformers' {@code apply_chat_template} does. The template is a program of whoever
 * made the checkpoint, so it runs in a {@link TemplateSandbox}. Safe for any number of threads; renderings queue.
 *
 * <p>The template is {@code chat_template.jinja}, else {@code chat_template} of {@code tokenizer_config.json}: a text,
 * or a list of named ones of which {@code default} is taken. It sees {@code messages}, {@code add_generation_prompt},
 * {@code tools} and {@code documents} (none) and the special tokens of {@code tokenizer_config.json}
 * ({@code bos_token}, {@code eos_token}, …).
 */
public final class ChatTemplate implements AutoCloseable {
  private static final Duration LIMIT = Duration.ofSeconds(30); // a chat of 200 turns takes 1 s

  private final String source;
  private final Map<String, Object> specialTokens;
  private final TemplateSandbox sandbox;

  private ChatTemplate(String source, Map<String, Object> specialTokens, TemplateSandbox sandbox) {
    this.source = source;
    this.specialTokens = specialTokens;
    this.sandbox = sandbox;
  }

  /**
   * The chat template of a set of files, if it has one. Its engine starts in the background; its errors show when it is
   * rendered.
   *
   * @throws InputException if {@code tokenizer_config.json} is damaged
   */
  public static Optional<ChatTemplate> find(TokenizerFiles files) {
    return find(files, Clock.systemDefaultZone(), LIMIT);
  }

  /** As {@link #find(TokenizerFiles)}; the clock answers {@code strftime_now}, the limit bounds one rendering. */
  static Optional<ChatTemplate> find(TokenizerFiles files, Clock clock, Duration limit) {
    String configPath = files.path(TokenizerFiles.TOKENIZER_CONFIG);
    Optional<JsonNode> config =
        files.find(TokenizerFiles.TOKENIZER_CONFIG).map(bytes -> Json.read(bytes, JsonNode.class, configPath));
    Map<String, Object> specialTokens = config.map(ChatTemplate::specialTokens).orElse(Map.of());
    Optional<byte[]> file = files.find(TokenizerFiles.CHAT_TEMPLATE);
    String source = file.isPresent() ? files.path(TokenizerFiles.CHAT_TEMPLATE) : configPath + ": chat_template";
    return file.map(bytes -> new String(bytes, StandardCharsets.UTF_8))
        .or(() -> config.flatMap(json -> inConfig(json.path("chat_template"), configPath)))
        .map(text -> new ChatTemplate(source, specialTokens, new TemplateSandbox(text, source, clock, limit)));
  }

  private static Optional<String> inConfig(JsonNode template, String source) {
    if (template.isMissingNode() || template.isNull()) {
      return Optional.empty();
    }
    if (template.isTextual()) {
      return Optional.of(template.textValue());
    }
    for (JsonNode named : template) {
      if (named.path("name").asText().equals("default") && named.path("template").isTextual()) {
        return Optional.of(named.path("template").textValue());
      }
    }
    throw InputException.in(source, "chat_template", template.getNodeType(),
        "must be a text, or a list of {name, template} with a name \"default\"");
  }

  /** Every {@code …_token} of the file: a text, or an object that holds it as {@code content}. */
  private static Map<String, Object> specialTokens(JsonNode config) {
    Map<String, Object> tokens = new LinkedHashMap<>();
    config.properties().forEach(field -> {
      JsonNode text = field.getValue().isObject() ? field.getValue().path("content") : field.getValue();
      if (field.getKey().endsWith("_token") && text.isTextual()) {
        tokens.put(field.getKey(), text.textValue());
      }
    });
    return tokens;
  }

  /**
   * The prompt of a conversation, special tokens spelled out: encode it with {@link Tokenizer#encodeRendered}.
   *
   * @param addGenerationPrompt whether to end with the beginning of the assistant's next turn
   * @throws InputException if the template refuses the messages (field {@code messages}, with what it said), or fails
   *     by itself: a syntax error, something it needs that does not exist, no end within its limits of time and memory
   */
  public String render(List<ChatMessage> messages, boolean addGenerationPrompt) {
    Map<String, Object> variables = new LinkedHashMap<>(specialTokens);
    variables.put("messages", messages.stream()
        .map(each -> each.hasOnlyTextParts() ? each.withJoinedText() : each)
        .map(ChatMessage::fields)
        .toList());
    variables.put("tools", null);
    variables.put("documents", null);
    variables.put("add_generation_prompt", addGenerationPrompt);
    return switch (sandbox.render(variables)) {
      case TemplateSandbox.Text text -> text.text();
      case TemplateSandbox.Said said -> throw InputException.of("messages", roles(messages), said.message());
      case TemplateSandbox.Failed failed ->
          throw InputException.in(source, "the chat template failed: " + Json.oneLine(failed.reason()));
    };
  }

  private static List<String> roles(List<ChatMessage> messages) {
    return messages.stream().map(ChatMessage::role).toList();
  }

  /** Frees the sandbox and its thread; a rendering that is running fails soon. Does not wait. */
  @Override
  public void close() {
    sandbox.close();
  }
}
