package dev.layermesh.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import dev.layermesh.decoding.InputException;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(120)
class ChatTemplateTest {
  private static final List<ChatMessage> HELLO = List.of(new ChatMessage("user", "Hello"));
  private static final Clock CLOCK = Clock.fixed(Instant.parse("2024-07-06T05:04:03Z"), ZoneOffset.UTC);

  private static ChatTemplate open(String template, Duration limit) {
    return ChatTemplate.find(Fixtures.template(template), CLOCK, limit).orElseThrow();
  }

  private static String render(String template, List<ChatMessage> messages) {
    try (ChatTemplate chat = open(template, Duration.ofSeconds(30))) {
      return chat.render(messages, true);
    }
  }

  @TestFactory
  List<DynamicTest> shouldRenderAndRefuseAsTheReferenceDoes() {
    JsonNode fixture = Fixtures.chatTemplates();
    List<DynamicTest> tests = fixture.get("templates").properties().stream()
        .map(named -> DynamicTest.dynamicTest(named.getKey(), () -> assertTemplate(fixture, named.getKey())))
        .toList();
    assertThat(tests).hasSize(4);
    return tests;
  }

  private static void assertTemplate(JsonNode fixture, String name) {
    String config = Json.write(Map.of("chat_template", fixture.get("templates").get(name).textValue(),
        "bos_token", fixture.get("bos_token").textValue(),
        "eos_token", Map.of("content", fixture.get("eos_token").textValue())));
    List<JsonNode> cases = Fixtures.list(fixture.get("cases")).stream()
        .filter(each -> each.get("template").textValue().equals(name)).toList();
    try (ChatTemplate chat = ChatTemplate.find(Fixtures.files("tokenizer_config.json", config)).orElseThrow()) {
      assertThat(cases).isNotEmpty().allSatisfy(each -> assertCase(chat, each));
    }
  }

  private static void assertCase(ChatTemplate chat, JsonNode golden) {
    List<ChatMessage> messages = Fixtures.messages(golden.get("messages"));
    boolean prompt = golden.get("add_generation_prompt").booleanValue();
    if (golden.has("text")) {
      assertThat(chat.render(messages, prompt)).isEqualTo(golden.get("text").textValue());
    } else {
      assertThatThrownBy(() -> chat.render(messages, prompt))
          .isInstanceOfSatisfying(InputException.class, e -> assertThat(e.field()).isEqualTo("messages"))
          .hasMessage("messages=" + messages.stream().map(ChatMessage::role).toList() + ": "
              + golden.get("error").textValue());
    }
  }

  @Test
  void shouldRenderTheTemplateFileOfACheckpointToTheReferenceIds() {
    TokenizerFiles files = TokenizerFiles.read(Fixtures.LLAMA3);
    try (ChatTemplate chat = ChatTemplate.find(files).orElseThrow(); Tokenizer tokenizer = Tokenizer.open(files)) {
      assertThat(Fixtures.list(Fixtures.chatTemplates().get("own_template_of_tiny_llama3"))).isNotEmpty()
          .allSatisfy(golden -> {
            String text = chat.render(Fixtures.messages(golden.get("messages")), true);
            assertThat(text).isEqualTo(golden.get("text").textValue());
            assertThat(tokenizer.encodeRendered(text)).isEqualTo(Fixtures.ids(golden.get("ids")));
          });
    }
  }

  @Test
  void shouldHaveNoTemplateWhereTheFilesHaveNone() {
    assertThat(ChatTemplate.find(TokenizerFiles.read(Fixtures.LLAMA2))).isEmpty();
    assertThat(ChatTemplate.find(Fixtures.files("tokenizer_config.json", "{\"chat_template\":null}"))).isEmpty();
    assertThat(ChatTemplate.find(Fixtures.files("config.json", "{}"))).isEmpty();
  }

  @Test
  void shouldTakeTheDefaultOfSeveralNamedTemplates() {
    String config = """
        {"chat_template": [{"name": "tool_use", "template": "tools"},
                           {"name": "default", "template": "{{ bos_token }}!"}],
         "bos_token": "<s>"}""";
    try (ChatTemplate chat = ChatTemplate.find(Fixtures.files("tokenizer_config.json", config)).orElseThrow()) {
      assertThat(chat.render(HELLO, true)).isEqualTo("<s>!");
    }
  }

  @Test
  void shouldRefuseChatsOnlyWhereNoTemplateIsTheDefault() {
    String config = "{\"chat_template\": [{\"name\": \"rag\", \"template\": \"x\"}]}";
    try (ChatTemplate chat = ChatTemplate.find(Fixtures.files("tokenizer_config.json", config)).orElseThrow()) {
      String message = "memory/tokenizer_config.json: chat_template=[rag]: must be a text, or a list of "
          + "{name, template} with a name \"default\"";
      assertThat(chat.warning()).contains(message);
      assertThatThrownBy(() -> chat.render(HELLO, true)).isInstanceOf(InputException.class).hasMessage(message);
    }
  }

  @Test
  void shouldRefuseADamagedConfiguration() {
    assertThatThrownBy(() -> ChatTemplate.find(Fixtures.files("tokenizer_config.json", "{\"chat_template\":")))
        .isInstanceOf(InputException.class)
        .message().startsWith("memory/tokenizer_config.json: not valid: ").hasLineCount(1);
  }

  @ParameterizedTest
  @CsvSource(delimiter = '#', value = {
      "{% for %}#the chat template failed: Expected an expression, got 'end of statement block' (line 1)"
          + " (TemplateSyntaxError)",
      "a{{ 'b' + 1 }}#the chat template failed for a sample chat: unsupported operand type(s) for ADD: 'str' and 'int'"
          + " (TypeError)",
      "{{ messages | nosuch }}#the chat template failed: No filter named 'nosuch'. (line 1) (TemplateAssertionError)"
  })
  void shouldSayWhenItIsFoundThatATemplateIsBroken(String template, String warning) {
    try (ChatTemplate chat = open(template, Duration.ofSeconds(30))) {
      assertThat(chat.warning()).contains("memory/chat_template.jinja: " + warning);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"{{ messages[0].content }}", "{{ raise_exception('no user may speak') }}",
      "{% for part in messages[0].content %}{{ part.text + '!' }}{% endfor %}"})
  void shouldNotBlameATemplateThatRefusesTheSampleOrTakesParts(String template) {
    try (ChatTemplate chat = open(template, Duration.ofSeconds(30))) {
      assertThat(chat.warning()).isEmpty();
    }
  }

  @Test
  void shouldHandEveryFieldOfAMessageToTheTemplate() {
    Map<String, Object> call = new LinkedHashMap<>();
    call.put("role", "assistant");
    call.put("content", null);
    call.put("tool_calls", List.of(Map.of("function", Map.of("name", "f", "arguments", Map.of("x", 1.5)))));
    Map<String, Object> result = Map.of("role", "tool", "tool_call_id", "c1", "name", "f", "content", "12");
    String template = "{% for m in messages %}{{ m.content is none }} {{ m.name }} {{ m.tool_call_id }} "
        + "{% for c in m.tool_calls %}{{ c.function.name }}{{ c.function.arguments | tojson }}{% endfor %};"
        + "{% endfor %}";
    assertThat(render(template, List.of(new ChatMessage(call), new ChatMessage(result))))
        .isEqualTo("True   f{\"x\": 1.5};False f c1 ;");
  }

  @ParameterizedTest
  @CsvSource(delimiter = '#', value = {
      "{{ messages[0].content + '!' }}#a~b!",
      "{{ messages[0].content }}#a~b",
      "{% for part in messages[0].content %}<{{ part.text }}>{% endfor %}#<a><b>",
      "{% if messages[0].content is string %}{{ messages[0].content }}{% else %}"
          + "{% for part in messages[0].content %}{{ part['text'] }}|{% endfor %}{% endif %}#a|b|"
  })
  void shouldHandTextPartsOverAsTheTemplateTakesThem(String template, String expected) {
    List<Object> parts = List.of(Map.of("type", "text", "text", "a"), Map.of("type", "text", "text", "b"));
    assertThat(render(template, List.of(new ChatMessage(Map.of("role", "user", "content", parts)))))
        .isEqualTo(expected.replace('~', '\n'));
  }

  @ParameterizedTest
  @CsvSource(delimiter = '#', value = {
      "{}#{\"bos_token\": \"<m>\", \"eos_token\": {\"content\": \"</m>\"}}#<m></m>",
      "{\"bos_token\": \"<c>\"}#{\"bos_token\": \"<m>\", \"eos_token\": \"</m>\"}#<m></m>",
      "{\"bos_token\": \"<c>\", \"added_tokens_decoder\": {}}"
          + "#{\"bos_token\": \"<m>\", \"eos_token\": \"</m>\"}#<c></m>",
      "{\"tokenizer_class\": \"LlamaTokenizerFast\"}#{}#<s></s>",
      "{\"tokenizer_class\": \"PreTrainedTokenizerFast\", \"bos_token\": null}#{}#''"
  })
  void shouldFindSpecialTokensInBothFiles(String config, String map, String expected) {
    var files = new TokenizerFiles("memory", Map.of(
        "tokenizer_config.json", Fixtures.utf8(config), "special_tokens_map.json", Fixtures.utf8(map),
        "chat_template.jinja", Fixtures.utf8("{{ bos_token }}{{ eos_token }}")));
    try (ChatTemplate chat = ChatTemplate.find(files).orElseThrow()) {
      assertThat(chat.render(HELLO, true)).isEqualTo(expected);
    }
  }

  @ParameterizedTest
  @CsvSource(delimiter = '#', quoteCharacter = '~', value = {
      "{% for i in range(9) %}{% if i == 1 %}{% continue %}{% endif %}"
          + "{% if i == 4 %}{% break %}{% endif %}{{ i }}{% endfor %}#023",
      "{{ messages[::-1][0].content[1:3] }}#el",
      "{{ '%s is %03d %.2f %-4s|%5s %x%%' | format('a', 7, 1.005, 'b', true, 255) }}#a is 007 1.00 b   | True ff%",
      "{{ '%(a)s' | format(a='x') }}#x",
      "{{ strftime_now('%d %b %Y, %B %-d %H:%M %A') }}#06 Jul 2024, July 6 05:04 Saturday",
      "{{ tools is none and documents is none and foo is not defined }}#True",
      "{{ {'a': [1, none, 'ü<>']} | tojson }}#{\"a\": [1, null, \"ü<>\"]}",
      "{% set ns = namespace(n=0) %}{% for m in messages %}{% set ns.n = ns.n + 1 %}{% endfor %}{{ ns.n }}#1",
      "{%- macro f(x, y='d') -%}{{ x }}{{ y }}{%- endmacro -%}{{ f('a') }}{{ f('b', y='c') }}#adbc",
      "{{ range(2, 8, 3) | list }}{{ range(3, 0, -1) | join(',') }}#[2, 5]3,2,1",
      "{{ ' xax '.strip() }}{{ 'xax'.strip('x') }}{{ 'xax'.lstrip('x') }}{{ 'xay'.rstrip('yx') }}{{ ' a'.rstrip('x') }}"
          + "#xaxaaxxa a",
      "{{ messages | selectattr('role', 'ne', 'user') | list | length }}#0",
      "{{ messages | rejectattr('role', 'equalto', 'user') | list | length }}#0",
  })
  void shouldSpeakTheJinjaOfChatTemplates(String template, String expected) {
    assertThat(render(template, HELLO)).isEqualTo(expected);
  }

  @ParameterizedTest
  @ValueSource(strings = {
      "{% for %}", "{{ 'a' | nosuchfilter }}", "{% if %}", "{{ range(1000000000) }}",
      "{% macro f(x) %}{{ f(x) }}{% endmacro %}{{ f(1) }}",
      "{% set ns = namespace(x='aaaaaaaa') %}{% for i in range(60) %}{% set ns.x = ns.x + ns.x %}{% endfor %}"
  })
  void shouldNameTheTemplateThatFails(String template) {
    assertThatThrownBy(() -> render(template, HELLO))
        .isInstanceOf(InputException.class)
        .message().startsWith("memory/chat_template.jinja: the chat template failed: ").hasLineCount(1);
  }

  @Test
  void shouldStopATemplateThatDoesNotEndAndServeTheNextRequest() {
    String template = "{% if messages | length > 1 %}{% for i in range(90000) %}{% for j in range(90000) %}{% endfor %}"
        + "{% endfor %}{% endif %}fine";
    try (ChatTemplate chat = open(template, Duration.ofSeconds(3))) {
      List<ChatMessage> two = List.of(new ChatMessage("user", "a"), new ChatMessage("user", "b"));
      assertThatThrownBy(() -> chat.render(two, true))
          .isInstanceOf(InputException.class)
          .hasMessage("memory/chat_template.jinja: the chat template failed: no end within 3000 ms");
      assertThat(chat.render(HELLO, true)).isEqualTo("fine");
    }
  }

  @Test
  void shouldCloseWithoutWaitingForARenderingThatRuns() throws Exception {
    String template = "{% for i in range(90000) %}{% for j in range(90000) %}{% endfor %}{% endfor %}";
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      ChatTemplate chat = open(template, Duration.ofMinutes(5));
      Future<String> rendering = threads.submit(() -> chat.render(HELLO, true));
      chat.close();
      assertThatThrownBy(() -> rendering.get(30, TimeUnit.SECONDS)).cause().isInstanceOf(InputException.class)
          .hasMessageStartingWith("memory/chat_template.jinja: the chat template failed: ");
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {
      "{{ host }}{{ globalThis }}{{ Java }}{{ module }}{{ jinja }}",
      "{{ ''.constructor }}{{ ''.__proto__ }}{{ [].constructor }}{{ messages.constructor }}{{ messages[0].__class__ }}"
  })
  void shouldShowTheTemplateNothingOfItsSurroundings(String template) {
    assertThat(render(template, HELLO)).isEmpty();
  }

  @Test
  void shouldRenderForSeveralThreadsAtOnce() throws Exception {
    try (ChatTemplate chat = ChatTemplate.find(TokenizerFiles.read(Fixtures.LLAMA3)).orElseThrow();
        ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      List<Future<String>> rendered = new ArrayList<>();
      for (int i = 0; i < 16; i++) {
        String content = "message " + i;
        rendered.add(threads.submit(() -> chat.render(List.of(new ChatMessage("user", content)), false)));
      }
      for (int i = 0; i < 16; i++) {
        assertThat(rendered.get(i).get()).contains("message " + i + "<|eot_id|>");
      }
    }
  }
}
