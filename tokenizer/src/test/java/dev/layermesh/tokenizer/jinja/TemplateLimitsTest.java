package dev.layermesh.tokenizer.jinja;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assertions.assertTimeout;

import dev.layermesh.tokenizer.jinja.python.JinjaException;
import dev.layermesh.tokenizer.jinja.python.Limits;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(120)
class TemplateLimitsTest {
  private static final Limits LIMITS = Limits.DEFAULT.within(Duration.ofSeconds(1));

  private static String render(String template) {
    return Template.parse(template).render(Map.of("nine", 9), LIMITS, Clock.systemUTC(), () -> false);
  }

  @ParameterizedTest
  @ValueSource(strings = {
      "{% for i in range(90000) %}{% for j in range(90000) %}{% endfor %}{% endfor %}",
      "{{ 'a' * 1000000000 }}",
      "{{ [1] * 1000000000 }}",
      "{{ '%1000000000d' % 1 }}{{ '{:1000000000}'.format(1) }}{{ 'a'.center(1000000000) }}",
      "{% set n = namespace(x='aa') %}{% for i in range(60) %}{% set n.x = n.x + n.x %}{% endfor %}",
      "{% set n = namespace(l=[]) %}{% for i in range(90000) %}{% set n.l = n.l + ['a' * 9000000] %}{% endfor %}",
      "{% set n = namespace(l=[1]) %}{% for i in range(60) %}{% set n.l = [n.l, n.l] %}{% endfor %}{{ n.l }}",
      "{% set n = namespace(l=[1]) %}{% for i in range(60) %}{% set n.l = [n.l, n.l] %}{% endfor %}{{ n.l|tojson }}",
      "{% set n = namespace(l=[1], m=[1]) %}{% for i in range(60) %}{% set n.l = [n.l, n.l] %}"
          + "{% set n.m = [n.m, n.m] %}"
          + "{% endfor %}{{ n.l == n.m }}",
      "{{ 10 ** 100000 }}",
      "{% for i in range(90000) %}{{ 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab' in 'a' * 1000000 }}{% endfor %}",
      "{% set a = 'a' * 9000000 %}{% set b = 'a' * 9000000 %}{{ ([a, b] * 90000)|sort|length }}"
  })
  void shouldEndATemplateThatWantsTooMuch(String template) {
    long started = System.nanoTime();
    assertThatThrownBy(() -> render(template))
        .isInstanceOfSatisfying(JinjaException.class, e -> assertThat(e.kind()).isEqualTo("LimitError"));
    assertThat(Duration.ofNanos(System.nanoTime() - started)).isLessThan(Duration.ofSeconds(30));
  }

  @ParameterizedTest
  @ValueSource(strings = {
      "{% macro f(x) %}{{ f(x) }}{% endmacro %}{{ f(1) }}",
      "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}",
      "{% set n = namespace(l=[]) %}{% for i in range(3000) %}{% set n.l = [n.l] %}{% endfor %}{{ n.l }}",
      "{% set n = namespace(l=[]) %}{% for i in range(3000) %}{% set n.l = [n.l] %}{% endfor %}{{ n.l|tojson }}",
      "{% set n = namespace() %}{% set n.n = n %}{{ n }}"
  })
  void shouldEndATemplateThatNestsTooDeeply(String template) {
    assertThatThrownBy(() -> render(template))
        .isInstanceOfSatisfying(JinjaException.class, e -> assertThat(e.kind()).isEqualTo("RecursionError"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"(", "[", "{{", "- ", "not ", "a if "})
  void shouldRefuseSourceThatNestsTooDeeply(String open) {
    assertThatThrownBy(() -> Template.parse("{{ " + open.repeat(20_000)))
        .isInstanceOfSatisfying(JinjaException.class, e -> assertThat(e.kind()).isEqualTo("TemplateSyntaxError"));
    assertThatThrownBy(() -> Template.parse("{% if 1 %}".repeat(20_000)))
        .isInstanceOfSatisfying(JinjaException.class, e -> assertThat(e.kind()).isEqualTo("TemplateSyntaxError"));
  }

  @ParameterizedTest
  @ValueSource(strings = {
      "{{ ('1' * 300000 ~ 'x')|float }}",
      "{{ ('a ' * 300000).split()|length }}",
      "{{ ('a ' * 300000).rsplit()|length }}",
      "{{ ('a' * 3000000).rsplit('a' * 40)|length }}",
      "{{ strftime_now('%A' * 300000)|length }}"
  })
  void shouldSpendTimeInProportionToTheText(String template) {
    assertTimeout(Duration.ofSeconds(10), () -> {
      try {
        render(template);
      } catch (JinjaException e) {
        assertThat(e.kind()).isEqualTo("LimitError");
      }
    });
  }

  /** Each fills a list within its limits, until one of them is reached. */
  private static final List<String> HOARDS = List.of(
      "b.format()", "b % ()", "b.partition('a')", "b|striptags", "b.encode()", "b.encode().decode()",
      "b.encode().hex()", "b.encode()[1:]", "b|list", "('a ' * 100000).split()", "('a\n' * 100000).splitlines()",
      "b.split('a')", "b|map('upper')|list", "7 ** 20000", "q + i", "range(0, q * 9000, q)|list",
      "(['9' * 4300] * 9000)|map('int')|list", "range(9000)|list", "range(9000)|batch(1)|list", "namespace(a=1)",
      "{'a': {'b': {}}}", "[]|slice(9000)|list", "dict(a=1).items()|list", "cycler(1)", "b|int(default=q * 2)");

  /** Renders templates that collect all they can; the JVM ends at the first error for want of memory. */
  static final class Hoarder {
    private Hoarder() {}

    /** Prints a line for each template. */
    public static void main(String[] args) {
      for (String hoard : HOARDS) {
        try {
          Template.parse("{% set n = namespace(l=[]) %}{% set b = 'a' * 200000 %}{% set q = 7 ** 20000 %}"
              + "{% for j in range(9000) %}{% for i in range(9000) %}{% set n.l = [n.l, " + hoard
              + "] %}{% endfor %}{% endfor %}")
              .render(Map.of(), Limits.DEFAULT, Clock.systemUTC(), () -> false);
        } catch (JinjaException e) {
          System.out.println(hoard + ": " + e.kind());
        }
      }
    }
  }

  @Test
  void shouldReachALimitBeforeTheHeapIsFull() throws Exception {
    Process java = new ProcessBuilder(Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-Xmx160m",
        "-XX:+UseSerialGC", "-XX:+ExitOnOutOfMemoryError", "-cp", System.getProperty("java.class.path"),
        Hoarder.class.getName()).redirectErrorStream(true).start();
    try {
      CompletableFuture<String> output = CompletableFuture.supplyAsync(() -> read(java));
      assertThat(java.waitFor(100, TimeUnit.SECONDS)).isTrue();
      assertThat(output.get(10, TimeUnit.SECONDS).lines()).hasSize(HOARDS.size())
          .allSatisfy(line -> assertThat(line).endsWith(": LimitError"));
    } finally {
      java.destroyForcibly();
    }
  }

  private static String read(Process process) {
    try {
      return new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Test
  void shouldStopWhenTold() {
    AtomicInteger asked = new AtomicInteger();
    assertThatThrownBy(() -> Template.parse("{% for i in range(90000) %}{{ i }}{% endfor %}")
        .render(Map.of(), Limits.DEFAULT, Clock.systemUTC(), () -> asked.incrementAndGet() > 3))
        .isInstanceOf(JinjaException.class).hasMessage("closed meanwhile");
  }

  @ParameterizedTest
  @ValueSource(strings = {
      "{{ ''.__class__.__mro__ }}", "{{ nine.__class__() }}", "{{ [].append(1) }}", "{{ {}.update(a=1) }}",
      "{{ '{0.__class__.__mro__}'.format(1) }}"
  })
  void shouldForbidWhatTheSandboxOfJinja2Forbids(String template) {
    assertThatThrownBy(() -> render(template))
        .isInstanceOfSatisfying(JinjaException.class, e -> assertThat(e.kind()).isEqualTo("SecurityError"));
  }

  @Test
  void shouldRenderALongChatInMilliseconds() {
    List<Map<String, String>> messages = new ArrayList<>();
    for (int i = 0; i < 200; i++) {
      messages.add(Map.of("role", i % 2 == 0 ? "user" : "assistant", "content", "word ".repeat(200)));
    }
    Template template = Template.parse("{% for m in messages %}{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}"
        + "{{ raise_exception('order') }}{% endif %}<|{{ m['role'] }}|>\n{{ m['content'] | trim }}<|end|>{% endfor %}");
    long best = Long.MAX_VALUE;
    for (int i = 0; i < 30; i++) {
      long started = System.nanoTime();
      assertThat(template.render(Map.of("messages", messages), LIMITS, Clock.systemUTC(), () -> false))
          .hasSize(200 * 999 + 100 * (8 + 13) + 200 * 8);
      best = Math.min(best, System.nanoTime() - started);
    }
    assertThat(Duration.ofNanos(best)).isLessThan(Duration.ofMillis(50));
  }
}
