package dev.layermesh.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.layermesh.decoding.AcceptanceRule;
import dev.layermesh.decoding.InputException;
import dev.layermesh.decoding.SamplingParams;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class GenerationDefaultsTest {

  private static GenerationDefaults read(String json) {
    return GenerationDefaults.of(Fixtures.files("generation_config.json", json));
  }

  private static GenerationDefaults temperature(double value) {
    return new GenerationDefaults(OptionalDouble.of(value), OptionalInt.empty(), OptionalDouble.empty());
  }

  @Test
  void shouldReadTheThreeSamplingFields() {
    var read = read("""
        {"do_sample": false, "temperature": 0.6, "top_k": 20, "top_p": 0.9, "eos_token_id": 2}""");

    assertThat(read).isEqualTo(
        new GenerationDefaults(OptionalDouble.of(0.6), OptionalInt.of(20), OptionalDouble.of(0.9)));
    assertThat(read.describe()).contains("temperature 0.6, top_k 20, top_p 0.9");
  }

  @ParameterizedTest
  @ValueSource(strings = {"{}", "{\"temperature\": null, \"top_k\": null, \"top_p\": null}"})
  void shouldNameNothingThatTheFileDoesNot(String json) {
    assertThat(read(json)).isEqualTo(GenerationDefaults.NONE);
    assertThat(GenerationDefaults.NONE.describe()).isEmpty();
  }

  @Test
  void shouldNameNothingWithoutAFile() {
    assertThat(GenerationDefaults.of(new TokenizerFiles("memory", Map.of()))).isEqualTo(GenerationDefaults.NONE);
  }

  @ParameterizedTest
  @CsvSource({"-1, 0", "0, 0", "50.0, 50"})
  void shouldReadTopKAsWriters(String written, int topK) {
    assertThat(read("{\"top_k\": " + written + "}").topK()).hasValue(topK);
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', value = {
      "temperature | \"hot\" | must be a number",
      "temperature | -0.5    | must be between 0 and 100",
      "top_p       | 0.0     | must be above 0 and at most 1",
      "top_p       | 1.5     | must be above 0 and at most 1",
      "top_k       | -2      | must be 0 (off) or more",
      "top_k       | 1.5     | must be a whole number",
      "top_k       | 4294967296 | must be a whole number"})
  void shouldRefuseAWrongValueInOneLineThatNamesIt(String field, String value, String problem) {
    assertThatThrownBy(() -> read("{\"" + field + "\": " + value + "}"))
        .isInstanceOf(InputException.class)
        .hasMessageStartingWith("memory/generation_config.json: " + field + "=" + value + ": " + problem);
  }

  @ParameterizedTest
  @ValueSource(strings = {"[]", "7", "null", "{", ""})
  void shouldRefuseWhatIsNoObject(String json) {
    assertThatThrownBy(() -> read(json)).isInstanceOf(InputException.class)
        .hasMessageStartingWith("memory/generation_config.json: ").hasMessageNotContaining("\n");
  }

  @Test
  void shouldPreferARequestsOwnValues() {
    var model = read("{\"temperature\": 0.6, \"top_k\": 20, \"top_p\": 0.9}");

    assertThat(temperature(0).or(model)).isEqualTo(
        new GenerationDefaults(OptionalDouble.of(0), OptionalInt.of(20), OptionalDouble.of(0.9)));
    assertThat(GenerationDefaults.NONE.or(model)).isEqualTo(model);
  }

  @Test
  void shouldSampleWithWhatIsNamedAndTheFallbackElse() {
    assertThat(GenerationDefaults.NONE.sampling(1, 7, AcceptanceRule.SHARED_NOISE))
        .isEqualTo(new SamplingParams(1, 0, 1, 7, AcceptanceRule.SHARED_NOISE));
    assertThat(read("{\"temperature\": 0.6, \"top_p\": 0.9}").sampling(1, 7, AcceptanceRule.SPECULATIVE_SAMPLING))
        .isEqualTo(new SamplingParams(0.6, 0, 0.9, 7, AcceptanceRule.SPECULATIVE_SAMPLING));
  }
}
