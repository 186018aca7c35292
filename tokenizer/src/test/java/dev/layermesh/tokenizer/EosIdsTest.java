package dev.layermesh.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.layermesh.decoding.InputException;
import dev.layermesh.decoding.TokenIds;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class EosIdsTest {

  @Test
  void shouldReadOneSeveralOrNoIds() {
    assertThat(eos(Map.of("config.json", "{\"eos_token_id\":[1,7]}"))).isEqualTo(TokenIds.of(1, 7));
    assertThat(eos(Map.of(
        "generation_config.json", "{\"eos_token_id\":3}", "config.json", "{\"eos_token_id\":1}")))
        .isEqualTo(TokenIds.of(3));
    assertThat(eos(Map.of("generation_config.json", "{}", "config.json", "{\"eos_token_id\":1}")))
        .isEqualTo(TokenIds.of(1));
    assertThat(eos(Map.of("config.json", "{\"eos_token_id\":null}"))).isEqualTo(TokenIds.empty());
    assertThatThrownBy(() -> eos(Map.of("config.json", "{\"eos_token_id\":\"x\"}")))
        .isInstanceOf(InputException.class).hasMessageContaining("config.json: eos_token_id");
  }

  private static TokenIds eos(Map<String, String> files) {
    Map<String, byte[]> content = new HashMap<>();
    files.forEach((name, text) -> content.put(name, text.getBytes(StandardCharsets.UTF_8)));
    return EosIds.configured(new TokenizerFiles("here", content));
  }

  @Test
  void shouldEndAtTheTokenThatTheTokenizersConfigurationNamesToo() {
    Map<String, byte[]> content = new HashMap<>(TokenizerFiles.read(Fixtures.SHAKESPEARE).content());
    content.put("generation_config.json", "{\"eos_token_id\": 7}".getBytes(StandardCharsets.UTF_8));
    for (String eos : new String[] {"\"NAME\"", "{\"content\": \"NAME\"}"}) {
      content.put("tokenizer_config.json",
          ("{\"eos_token\": " + eos.replace("NAME", "<|end_of_text|>") + "}").getBytes(StandardCharsets.UTF_8));
      assertThat(of(content)).isEqualTo(TokenIds.of(7, 1));
    }
    content.put("generation_config.json", ("{\"eos_token_id\": " + 1 + "}").getBytes(StandardCharsets.UTF_8));
    assertThat(of(content)).as("named twice").isEqualTo(TokenIds.of(1));
    content.put("tokenizer_config.json", "{\"eos_token\": null}".getBytes(StandardCharsets.UTF_8));
    assertThat(of(content)).isEqualTo(TokenIds.of(1));
  }

  private static TokenIds of(Map<String, byte[]> content) {
    var files = new TokenizerFiles("here", content);
    try (Tokenizer tokenizer = Tokenizer.open(files)) {
      return EosIds.of(files, tokenizer);
    }
  }
}
