package dev.layermesh.tokenizer.jinja;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.layermesh.tokenizer.jinja.python.JinjaException;
import dev.layermesh.tokenizer.jinja.python.Limits;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
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
