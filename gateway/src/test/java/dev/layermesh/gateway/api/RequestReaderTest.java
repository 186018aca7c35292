package dev.layermesh.gateway.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.layermesh.decoding.TokenIds;
import dev.layermesh.gateway.turn.ApiException;
import dev.layermesh.gateway.turn.TurnRequest;
import dev.layermesh.tokenizer.ChatMessage;
import dev.layermesh.tokenizer.GenerationDefaults;
import dev.layermesh.tokenizer.text.Prompt;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(20)
class RequestReaderTest {
  private static final String USER = "{\"role\": \"user\", \"content\": \"hi\"}";

  private final RequestReader reader = new RequestReader(() -> 7);

  private static List<ChatMessage> messages(TurnRequest request) {
    return ((Prompt.Chat) request.prompt()).messages();
  }

  private List<ChatMessage> chat(String... messages) {
    return messages(reader.chat(Fields.parse("{\"messages\": [" + String.join(",", messages) + "]}")));
  }

  /** The same fields in a request to each endpoint. */
  private List<TurnRequest> everywhere(String fields) {
    return List.of(completion(fields),
        reader.chat(Fields.parse("{\"messages\": [" + USER + "]" + fields + "}")),
        reader.response(Fields.parse("{\"input\": \"hi\"" + fields + "}")));
  }

  private TurnRequest completion(String fields) {
    return reader.completion(Fields.parse("{\"prompt\": \"hi\"" + fields + "}"));
  }

  @Test
  void shouldHandEveryFieldOfAMessageToTheTemplate() {
    List<ChatMessage> messages = chat(
        "{\"role\": \"user\", \"content\": \"weather?\", \"name\": \"ann\"}",
        "{\"role\": \"assistant\", \"content\": null, \"tool_calls\": [{\"id\": \"c1\", \"type\": \"function\","
            + " \"function\": {\"name\": \"weather\", \"arguments\": \"{}\", \"strict\": true, \"n\": 1.5}}]}",
        "{\"role\": \"tool\", \"tool_call_id\": \"c1\", \"content\": \"sunny\"}");
    assertThat(messages.get(0).fields()).isEqualTo(Map.of("role", "user", "content", "weather?", "name", "ann"));
    assertThat(messages.get(1).fields()).containsEntry("content", null).containsEntry("tool_calls", List.of(Map.of(
        "id", "c1", "type", "function",
        "function", Map.of("name", "weather", "arguments", "{}", "strict", true, "n", 1.5))));
    assertThat(messages.get(2).fields())
        .isEqualTo(Map.of("role", "tool", "tool_call_id", "c1", "content", "sunny"));
    assertThat(chat("{\"role\": \"assistant\"}", USER).getFirst().fields()).isEqualTo(Map.of("role", "assistant"));
  }

  @Test
  void shouldKeepTheTextPartsOfAContentApart() {
    for (String type : List.of("text", "input_text", "output_text")) {
      ChatMessage message = chat("{\"role\": \"user\", \"content\": [{\"type\": \"" + type + "\", \"text\": \"one\"},"
          + " {\"type\": \"" + type + "\", \"text\": \"two\"}]}").getFirst();
      assertThat(message.fields().get("content")).isEqualTo(
          List.of(Map.of("type", "text", "text", "one"), Map.of("type", "text", "text", "two")));
      assertThat(message.content()).as("for templates that take text alone").isEqualTo("one\ntwo");
    }
  }

  @Test
  void shouldReadTheSamplingValuesThatARequestNamesAndNoOthers() {
    assertThat(completion("").sampling().named()).isEqualTo(GenerationDefaults.NONE);
    assertThat(completion(", \"temperature\": 0.5, \"top_p\": 0.25, \"top_k\": 3").sampling().named()).isEqualTo(
        new GenerationDefaults(OptionalDouble.of(0.5), OptionalInt.of(3), OptionalDouble.of(0.25)));
    assertThat(completion(", \"temperature\": null").sampling().named()).isEqualTo(GenerationDefaults.NONE);
  }

  @Test
  void shouldTakeMinusOneForEveryTokenAsTopK() {
    assertThat(everywhere(", \"top_k\": -1"))
        .allSatisfy(request -> assertThat(request.sampling().named().topK()).hasValue(0));
    assertThatThrownBy(() -> completion(", \"top_k\": -2"))
        .isInstanceOf(ApiException.class).hasMessageContaining("top_k: must be between -1 and");
  }

  @Test
  void shouldTakeAWholeNumberHoweverItIsWritten() {
    assertThat(everywhere(", \"max_tokens\": 8.0, \"max_output_tokens\": 8.0"))
        .allSatisfy(request -> assertThat(request.maxTokens()).hasValue(8));
    assertThat(everywhere(", \"prompt_ids\": [3.0, 4]")).last()
        .satisfies(request -> assertThat(request.prompt()).isEqualTo(new Prompt.Ids(TokenIds.of(3, 4))));
    assertThatThrownBy(() -> everywhere(", \"prompt_ids\": [3.5]"))
        .isInstanceOf(ApiException.class).hasMessageStartingWith("prompt_ids[0]: a token id is an integer");
    assertThat(completion(", \"max_tokens\": 8e0, \"seed\": 1.0").sampling().seed()).isEqualTo(1);
    for (String wrong : List.of("8.5", "1e300", "9007199254740993.0", "\"8\"")) {
      assertThatThrownBy(() -> completion(", \"max_tokens\": " + wrong))
          .isInstanceOf(ApiException.class).hasMessageStartingWith("max_tokens: must be");
    }
  }
}
