package dev.layermesh.gateway.mesh;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.layermesh.gateway.turn.ApiError;
import dev.layermesh.gateway.turn.ApiException;
import dev.layermesh.tokenizer.ChatMessage;
import dev.layermesh.tokenizer.TokenizerFiles;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class TokenizerTextTest {
  private static final Path BUNDLED =
      Path.of(System.getProperty("layermesh.root"), "models", "layerskip-shakespeare");

  private static ApiError refusal(Map<String, String> templates) {
    Map<String, byte[]> content = new HashMap<>(TokenizerFiles.read(BUNDLED).content());
    content.keySet().removeAll(List.of("chat_template.jinja", "tokenizer_config.json"));
    templates.forEach((name, text) -> content.put(name, text.getBytes(StandardCharsets.UTF_8)));
    var error = new ApiError[1];
    try (TokenizerText text = TokenizerText.open(new TokenizerFiles("worker", content), 1 << 20)) {
      assertThatThrownBy(() -> text.encodeChat(List.of(new ChatMessage("user", "hi"))))
          .isInstanceOfSatisfying(ApiException.class, wrong -> error[0] = wrong.error());
    }
    return error[0];
  }

  @Test
  void shouldNotBlameTheClientForABrokenTemplate() {
    ApiError error = refusal(Map.of("chat_template.jinja", "{% for %}"));
    assertThat(error.status()).isEqualTo(500);
    assertThat(error.code()).isEqualTo("template_failed");
    assertThat(error.message()).isEqualTo("the model's chat template failed");
  }

  @Test
  void shouldSayWhatToDoWithoutATemplate() {
    ApiError error = refusal(Map.of());
    assertThat(error.status()).isEqualTo(400);
    assertThat(error.param()).isEqualTo(Optional.of("messages"));
    assertThat(error.message()).contains("no chat template", "/v1/completions");
  }
}
