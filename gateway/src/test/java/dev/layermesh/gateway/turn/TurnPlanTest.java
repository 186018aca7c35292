package dev.layermesh.gateway.turn;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.layermesh.decoding.SamplingParams;
import dev.layermesh.decoding.WindowPolicy;
import dev.layermesh.tokenizer.ChatMessage;
import dev.layermesh.tokenizer.TokenizerFiles;
import dev.layermesh.tokenizer.text.Prompt;
import dev.layermesh.tokenizer.text.TokenizerText;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class TurnPlanTest {
  private static final Path BUNDLED =
      Path.of(System.getProperty("layermesh.root"), "models", "layerskip-shakespeare");

  private static final TurnRequest CHAT = new TurnRequest(
      Optional.empty(), new Prompt.Chat(List.of(new ChatMessage("user", "hi"))), "messages", OptionalInt.empty(),
      SamplingParams.GREEDY, List.of(), false, OptionalInt.empty(),
      new TurnRequest.Output(false, false, false, false));

  private static ApiError refusal(Map<String, String> templates) {
    Map<String, byte[]> content = new HashMap<>(TokenizerFiles.read(BUNDLED).content());
    content.keySet().removeAll(List.of("chat_template.jinja", "tokenizer_config.json"));
    templates.forEach((name, text) -> content.put(name, text.getBytes(StandardCharsets.UTF_8)));
    var error = new ApiError[1];
    try (TokenizerText text = TokenizerText.open(new TokenizerFiles("worker", content), 1 << 20)) {
      var model = new ServedModel("tiny", "f00d", 1000, 3, WindowPolicy.AUTOREGRESSIVE, Instant.EPOCH, text);
      assertThatThrownBy(() -> TurnPlan.of(CHAT, model))
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
