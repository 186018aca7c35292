package dev.layermesh.tokenizer;

import com.fasterxml.jackson.databind.JsonNode;
import dev.layermesh.decoding.InputException;
import dev.layermesh.tokenizer.jinja.Template;
import dev.layermesh.tokenizer.jinja.python.JinjaException;
import dev.layermesh.tokenizer.jinja.python.Limits;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Renders conversations the way transformers' {@code apply_chat_template} does. The template comes with the checkpoint
 * and is not trusted: it is sandboxed and bounded in time and memory. Safe for any number of threads; one rendering
 * runs at a time, so that the bound on memory is one for the template.
 *
 * <p>The template is {@code chat_template.jinja}, else {@code chat_template} of {@code tokenizer_config.json}: a text,
 * or a list of named ones; then {@code default} is taken. It sees {@code messages}, {@code add_generation_prompt},
 * {@code tools} and {@code documents} (none) and the special tokens of {@code tokenizer_config.json} and
 * {@code special_tokens_map.json} ({@code bos_token}, {@code eos_token}, …).
 *
 * <p>The template is parsed and tried with a sample chat when it is found. One that cannot be used fails every chat and
 * nothing else: {@link #warning} says why.
 */
public final class ChatTemplate implements AutoCloseable {
  private static final Duration LIMIT = Duration.ofSeconds(10); // a chat of 200 messages takes milliseconds
  private static final Duration SAMPLE_LIMIT = Duration.ofSeconds(2);
  private static final String NEEDLE = "Say hello";

  private final String source;
  private final Map<String, String> specialTokens;
  private final Clock clock;
  private final Limits limits;
  private final ReentrantLock lock = new ReentrantLock();
  private final Optional<Template> template;
  private final Optional<String> defect;
  private final Optional<String> warning;
  private final boolean takesParts;
  private volatile boolean closed;

  /** A template or, if it cannot be used, why. */
  private record Found(String source, Optional<String> text, String defect) {}

  private ChatTemplate(Found found, Map<String, String> specialTokens, Clock clock, Duration limit) {
    this.source = found.source;
    this.specialTokens = specialTokens;
    this.clock = clock;
    this.limits = Limits.DEFAULT.within(limit);
    Optional<Template> parsed = Optional.empty();
    Optional<String> wrong = found.text.isPresent() ? Optional.empty() : Optional.of(found.defect);
    try {
      parsed = found.text.map(Template::parse);
    } catch (JinjaException e) {
      wrong = Optional.of("the chat template failed: " + reason(e));
    }
    this.template = parsed;
    this.defect = wrong;
    this.takesParts = parsed.map(this::showsParts).orElse(false);
    this.warning = wrong.or(() -> failure(template.orElseThrow())).map(reason -> source + ": " + reason);
  }

  /**
   * The chat template of a set of files, if it has one.
   *
   * @throws InputException if {@code tokenizer_config.json} or {@code special_tokens_map.json} is damaged
   */
  public static Optional<ChatTemplate> find(TokenizerFiles files) {
    return find(files, Clock.systemDefaultZone(), LIMIT);
  }

  /** As {@link #find(TokenizerFiles)}; the clock answers {@code strftime_now}, the limit bounds one rendering. */
  static Optional<ChatTemplate> find(TokenizerFiles files, Clock clock, Duration limit) {
    TokenizerConfig config = TokenizerConfig.read(files);
    return files.find(TokenizerFiles.CHAT_TEMPLATE)
        .map(bytes -> new Found(files.path(TokenizerFiles.CHAT_TEMPLATE),
            Optional.of(new String(bytes, StandardCharsets.UTF_8)), ""))
        .or(() -> inConfig(config.json().path("chat_template"), files.path(TokenizerFiles.TOKENIZER_CONFIG)))
        .map(found -> new ChatTemplate(found, config.specialTokens(), clock, limit));
  }

  private static Optional<Found> inConfig(JsonNode template, String file) {
    if (template.isMissingNode() || template.isNull()) {
      return Optional.empty();
    }
    if (template.isTextual()) {
      return Optional.of(new Found(file + ": chat_template", Optional.of(template.textValue()), ""));
    }
    List<String> names = new ArrayList<>();
    for (JsonNode named : template) {
      String name = named.path("name").asText();
      if (name.equals("default") && named.path("template").isTextual()) {
        return Optional.of(new Found(file + ": chat_template", Optional.of(named.path("template").textValue()), ""));
      }
      names.add(name);
    }
    return Optional.of(new Found(file, Optional.empty(), "chat_template=" + names
        + ": must be a text, or a list of {name, template} with a name \"default\""));
  }

  // The sample

  private String renderSample(Template sampled, Object content) {
    return render(sampled, List.of(Map.of("role", "user", "content", content)), true,
        limits.within(limits.time().compareTo(SAMPLE_LIMIT) < 0 ? limits.time() : SAMPLE_LIMIT));
  }

  /** Whether the template shows the text of a content that is a list, rather than failing or printing the list. */
  private boolean showsParts(Template sampled) {
    try {
      String text = renderSample(sampled, List.of(Map.of("type", "text", "text", NEEDLE)));
      return text.contains(NEEDLE) && !text.contains("'text'") && !text.contains("\"text\"");
    } catch (JinjaException e) {
      return false;
    }
  }

  /** Why the template cannot render a short chat, if it cannot. One that refuses the sample is not at fault. */
  private Optional<String> failure(Template sampled) {
    try {
      renderSample(sampled, NEEDLE);
      return Optional.empty();
    } catch (JinjaException e) {
      return takesParts || e.raisedByTemplate()
          ? Optional.empty()
          : Optional.of("the chat template failed for a sample chat: " + reason(e));
    }
  }

  private static String reason(JinjaException e) {
    return Json.oneLine(e.getMessage()) + (e.isLimit() ? "" : " (" + e.kind() + ")");
  }

  /**
   * What is wrong with the template, in one line that names the file, if that showed when it was found: to be said when
   * a model is loaded.
   */
  public Optional<String> warning() {
    return warning;
  }

  // Rendering

  /**
   * The prompt of a conversation, special tokens spelled out: encode it with {@link Tokenizer#encodeRendered}.
   *
   * <p>The template receives every field of a message as it is, with one exception: where a content is a list of texts
   * and the template knows text alone, it receives the texts joined, one a line.
   *
   * @param addGenerationPrompt whether to end with the beginning of the assistant's next turn
   * @throws InputException if the template refuses the messages (field {@code messages}, with what it said), or fails
   *     by itself: a syntax error, something it needs that does not exist, no end within its limits of time and memory
   */
  public String render(List<ChatMessage> messages, boolean addGenerationPrompt) {
    Template usable = template.orElseThrow(() -> InputException.in(source, defect.orElseThrow()));
    List<Map<String, Object>> shown = messages.stream()
        .map(message -> !takesParts && message.hasOnlyTextParts() ? message.withJoinedText() : message)
        .map(ChatMessage::fields).toList();
    try {
      return render(usable, shown, addGenerationPrompt, limits);
    } catch (JinjaException e) {
      if (e.raisedByTemplate()) {
        throw InputException.of("messages", roles(messages), String.valueOf(e.getMessage()));
      }
      throw InputException.in(source, "the chat template failed: " + reason(e));
    }
  }

  private String render(
      Template usable, List<Map<String, Object>> messages, boolean addGenerationPrompt, Limits within) {
    Map<String, Object> variables = new HashMap<>(specialTokens);
    variables.put("messages", messages);
    variables.put("tools", null);
    variables.put("documents", null);
    variables.put("add_generation_prompt", addGenerationPrompt);
    lock.lock();
    try {
      return usable.render(variables, within, clock, () -> closed);
    } finally {
      lock.unlock();
    }
  }

  private static List<String> roles(List<ChatMessage> messages) {
    return messages.stream().map(ChatMessage::role).toList();
  }

  /** Ends a rendering that is running soon. Does not wait. */
  @Override
  public void close() {
    closed = true;
  }
}
