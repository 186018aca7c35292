package dev.layermesh.gateway.turn;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.layermesh.decoding.AcceptanceRule;
import dev.layermesh.decoding.SamplingParams;
import dev.layermesh.decoding.WindowPolicy;
import dev.layermesh.tokenizer.ChatMessage;
import dev.layermesh.tokenizer.GenerationDefaults;
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
import java.util.OptionalDouble;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class TurnPlanTest {
  private static final Path BUNDLED =
      Path.of(System.getProperty("layermesh.root"), "models", "layerskip-shakespeare");

  private static final TurnRequest CHAT = new TurnRequest(
      Optional.empty(), new Prompt.Chat(List.of(new ChatMessage("user", "hi"))), "messages", OptionalInt.empty(),
      new TurnRequest.Sampling(GenerationDefaults.NONE, 1, AcceptanceRule.SHARED_NOISE), List.of(), false,
      OptionalInt.empty(),
      new TurnRequest.Output(false, false, false, false));

  private static ApiError refusal(Map<String, String> templates) {
    Map<String, byte[]> content = new HashMap<>(TokenizerFiles.read(BUNDLED).content());
    content.keySet().removeAll(List.of("chat_template.jinja", "tokenizer_config.json"));
    templates.forEach((name, text) -> content.put(name, text.getBytes(StandardCharsets.UTF_8)));
    var error = new ApiError[1];
    try (TokenizerText text = TokenizerText.open(new TokenizerFiles("worker", content), 1 << 20)) {
      var model = new ServedModel("tiny", "f00d", 1000, 3, WindowPolicy.AUTOREGRESSIVE, GenerationDefaults.NONE,
          Instant.EPOCH, text);
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

  @Test
  void shouldTakeTheModelsSamplingValuesWhereARequestNamesNone() {
    var recommended =
        new GenerationDefaults(OptionalDouble.of(0.6), OptionalInt.of(40), OptionalDouble.of(0.9));
    var named = new GenerationDefaults(OptionalDouble.of(0), OptionalInt.empty(), OptionalDouble.of(0.5));
    assertThat(sampling(GenerationDefaults.NONE, recommended)).isEqualTo(params(0.6, 40, 0.9));
    assertThat(sampling(named, recommended)).isEqualTo(params(0, 40, 0.5));
    assertThat(sampling(named, GenerationDefaults.NONE)).isEqualTo(params(0, 0, 0.5));
    assertThat(sampling(GenerationDefaults.NONE, GenerationDefaults.NONE)).isEqualTo(params(1, 0, 1));
  }

  private static SamplingParams sampling(GenerationDefaults named, GenerationDefaults recommended) {
    return new TurnRequest.Sampling(named, 3, AcceptanceRule.SHARED_NOISE).or(recommended);
  }

  private static SamplingParams params(double temperature, int topK, double topP) {
    return new SamplingParams(temperature, topK, topP, 3, AcceptanceRule.SHARED_NOISE);
  }
}
