package dev.layermesh.tokenizer.jinja;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.layermesh.tokenizer.jinja.python.JinjaException;
import dev.layermesh.tokenizer.jinja.python.Limits;
import java.io.IOException;
import java.io.InputStream;
import java.time.Clock;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Compares with Jinja2's own renderings: {@code jinja_snippets.json} holds templates written by hand,
 * {@code jinja_generated.json} random ones of {@code generate_cases.py}, which makes any number more.
 */
@Timeout(120)
class JinjaReferenceTest {
  private static final ObjectMapper JSON = new ObjectMapper();

  @ParameterizedTest
  @CsvSource({"jinja_snippets.json, 190", "jinja_generated.json, 500"})
  void shouldRenderAndFailAsJinja2Does(String file, int count) throws IOException {
    JsonNode reference = read(file);
    Map<String, Object> variables = JSON.convertValue(reference.get("variables"), new TypeReference<>() {});
    List<String> different = new ArrayList<>();
    for (JsonNode each : reference.get("cases")) {
      String expected = each.has("text") ? each.get("text").textValue() : "raises " + each.get("error").textValue();
      String actual = outcome(each.get("template").textValue(), variables);
      if (!actual.equals(expected)) {
        different.add(each.get("template") + "\n  expected " + expected + "\n  but was  " + actual);
      }
    }
    assertThat(different).isEmpty();
    assertThat(reference.get("jinja2").textValue()).isEqualTo("3.1.6");
    assertThat(reference.get("cases")).hasSize(count);
  }

  private static String outcome(String template, Map<String, Object> variables) {
    try {
      return Template.parse(template).render(variables, Limits.DEFAULT, Clock.systemUTC(), () -> false);
    } catch (JinjaException e) {
      return "raises " + e.kind();
    }
  }

  private static JsonNode read(String name) throws IOException {
    try (InputStream in = JinjaReferenceTest.class.getResourceAsStream(name)) {
      return JSON.readTree(in);
    }
  }
}
