package dev.layermesh.cli.complete;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import dev.layermesh.tokenizer.ChatMessage;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class GatewayJsonTest {
  @Test
  void shouldSendEveryFieldOfAMessage() throws Exception {
    Map<String, Object> fields = Map.of("role", "tool", "tool_call_id", "c1", "content",
        List.of(Map.of("type", "text", "text", "sunny"), Map.of("type", "text", "text", "warm")));
    var body = JsonNodeFactory.instance.objectNode();
    GatewayJson.put(body.putArray("messages"), List.of(new ChatMessage(fields), new ChatMessage("user", "and?")));

    var sent = new JsonMapper().readTree(body.toString()).path("messages");
    assertThat(new JsonMapper().convertValue(sent, List.class))
        .isEqualTo(List.of(fields, Map.of("role", "user", "content", "and?")));
  }
}
