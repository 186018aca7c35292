package dev.layermesh.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import dev.layermesh.decoding.StopReason;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.TestInstance.Lifecycle;
import org.junit.jupiter.api.Timeout;

/** Every wrong body is answered by 400 with the name of the field; the gateway never fails. */
@Timeout(60)
@TestInstance(Lifecycle.PER_CLASS)
class RequestValidationTest {
  private static final String CHAT = "/v1/chat/completions";
  private static final String COMPLETION = "/v1/completions";
  private static final Map<String, String> GOOD = Map.of(
      CHAT, "{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]%s}", COMPLETION, "{\"prompt\":\"hi\"%s}");

  private final ScriptedSessions generator =
      new ScriptedSessions(64, request -> ScriptedSessions.says("ok", 1, StopReason.LENGTH));
  private GatewayFixture fixture;

  @BeforeAll
  void open() {
    fixture = new GatewayFixture(generator);
  }

  @AfterAll
  void close() {
    fixture.close();
  }

  private JsonObject refused(String path, String body) throws Exception {
    HttpResponse<String> response = fixture.post(path, body);
    assertThat(response.statusCode()).as(body).isEqualTo(400);
    JsonObject error = new JsonObject(response.body()).getJsonObject("error");
    assertThat(error.fieldNames()).containsExactlyInAnyOrder("message", "type", "param", "code");
    assertThat(error.getString("type")).isEqualTo("invalid_request_error");
    assertThat(error.getString("message")).isNotBlank().doesNotContain("\n");
    return error;
  }

  @Test
  void shouldNameTheFieldOfEveryWrongValue() throws Exception {
    Map<String, List<String>> wrong = Map.ofEntries(
        Map.entry("temperature", List.of("\"1\"", "-0.1", "101", "1e999", "-1e999", "[]", "{}", "true", "\"NaN\"")),
        Map.entry("top_p", List.of("\"1\"", "0", "-1", "1.01", "1e999", "[1]", "{}", "false")),
        Map.entry("top_k", List.of("\"1\"", "-2", "1.5", "9999999999", "1e300", "[]", "{}", "true")),
        Map.entry("seed", List.of("\"1\"", "1.5", "99999999999999999999", "[]", "{}", "true")),
        Map.entry("max_tokens", List.of("\"1\"", "0", "-1", "1.5", "2147483648", "1e400", "[]", "{}", "true")),
        Map.entry("window", List.of("\"1\"", "-1", "65", "0.5", "[]", "{}", "true")),
        Map.entry("n", List.of("\"1\"", "0", "2", "-1", "1.5", "[]", "{}", "true")),
        Map.entry("stop", List.of("1", "\"\"", "[\"\"]", "[1]", "[[]]", "[null]", "{}", "true",
            "[" + "\"a\",".repeat(16) + "\"a\"]", "\"" + "a".repeat(257) + "\"", "\"\\ud800\"")),
        Map.entry("stream", List.of("\"true\"", "1", "[]", "{}")),
        Map.entry("stream_options", List.of("\"x\"", "1", "[]", "{\"include_usage\":1}", "{\"include_usage\":\"x\"}")),
        Map.entry("ignore_eos", List.of("\"true\"", "1", "[]", "{}")),
        Map.entry("return_token_ids", List.of("\"true\"", "1", "[]", "{}")),
        Map.entry("speculation", List.of("\"true\"", "1", "[]", "{}")),
        Map.entry("acceptance", List.of("\"greedy\"", "1", "[]", "{}", "true")),
        Map.entry("model", List.of("1", "[]", "{}", "true")));
    int runsBefore = generator.runs.size();
    int bodies = 0;
    for (var field : wrong.entrySet()) {
      for (String value : field.getValue()) {
        for (String path : List.of(CHAT, COMPLETION)) {
          String body = GOOD.get(path).formatted(",\"" + field.getKey() + "\":" + value);
          JsonObject error = refused(path, body);
          assertThat(error.getString("param")).as(body).startsWith(field.getKey());
          assertThat(error.getString("message")).contains(field.getKey());
          bodies++;
        }
      }
    }
    assertThat(bodies).isGreaterThan(190);
    assertThat(generator.runs).hasSize(runsBefore);
  }

  @Test
  void shouldNameWhatIsWrongWithAPrompt() throws Exception {
    for (String prompt : List.of(
        "1", "true", "{}", "[]", "[[]]", "[-1]", "[1.5]", "[\"a\",\"b\"]", "[1,\"a\"]", "[99999999999]", "[258]",
        "[1,null]", "[[1],[2]]", "\"\\udc00\"", "[" + "1,".repeat(1000) + "1]", "\"" + "x".repeat(999) + "\"")) {
      assertThat(refused(COMPLETION, "{\"prompt\":" + prompt + "}").getString("param")).startsWith("prompt");
    }
    assertThat(refused(COMPLETION, "{}").getString("param")).isEqualTo("prompt");
    assertThat(refused(COMPLETION, "{\"prompt\":[1,999]}").getString("message")).contains("prompt[1]", "999", "258");
    assertThat(refused(COMPLETION, "{\"prompt\":\"" + "x".repeat(999) + "\"}").getString("code"))
        .isEqualTo("context_length_exceeded");
    assertThat(refused(COMPLETION, "{\"prompt\":\"hi\",\"echo\":true}").getString("param")).isEqualTo("echo");
    assertThat(refused(COMPLETION, "{\"prompt\":\"hi\",\"best_of\":2}").getString("param")).isEqualTo("best_of");

    for (String messages : List.of(
        "1", "\"hi\"", "{}", "[]", "[1]", "[null]", "[{}]", "[{\"role\":1,\"content\":\"x\"}]",
        "[{\"role\":\"\",\"content\":\"x\"}]", "[{\"role\":\"user\"}]", "[{\"role\":\"user\",\"content\":1}]",
        "[{\"role\":\"user\",\"content\":[1]}]", "[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\"}]}]",
        "[{\"role\":\"user\",\"content\":[{\"type\":\"text\"}]}]",
        "[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":1}]}]",
        "[{\"role\":\"evil\",\"content\":\"x\"}]")) {
      assertThat(refused(CHAT, "{\"messages\":" + messages + "}").getString("param")).startsWith("messages");
    }
    assertThat(refused(CHAT, "{}").getString("param")).isEqualTo("messages");
  }

  @Test
  void shouldRefuseWhatIsNoJsonObjectInUtf8() throws Exception {
    for (String body : List.of(
        "", " ", "{", "}", "[]", "null", "1", "\"x\"", "{\"a\":NaN}", "{\"a\":01}", "{\"a\":1,}", "{a:1}", "{} {}",
        "[".repeat(20_000), "{\"a\":".repeat(10_000), "{\"prompt\":\"" + "\\u12", "<xml/>")) {
      assertThat(refused(COMPLETION, body).getValue("param")).isNull();
    }
    HttpResponse<String> response =
        fixture.post(COMPLETION, "{\"prompt\":\"caf\u00e9\"}".getBytes(StandardCharsets.ISO_8859_1));
    assertThat(response.statusCode()).isEqualTo(400);
    assertThat(response.body()).contains("invalid_utf8");
  }

  @Test
  void shouldSurviveAnyMixOfValues() throws Exception {
    var random = new Random(20260222);
    List<String> values = List.of(
        "null", "true", "false", "0", "1", "-1", "1.5", "1e999", "-1e-999", "9223372036854775807",
        "99999999999999999999999", "\"\"", "\"1\"", "\"user\"", "\"\\ud83d\"", "[]", "{}", "[[]]", "[0]", "[1,2,3]",
        "[\"a\"]", "[{\"role\":\"user\",\"content\":\"x\"}]", "[{\"role\":\"assistant\"}]", "{\"include_usage\":true}");
    List<String> fields = List.of(
        "model", "prompt", "prompt_ids", "messages", "max_tokens", "max_completion_tokens", "temperature", "top_p",
        "top_k", "seed", "stop", "n", "stream", "stream_options", "window", "acceptance", "ignore_eos", "logprobs",
        "tools", "user", "response_format");
    var statuses = new ArrayList<Integer>();
    for (int i = 0; i < 400; i++) {
      var body = new StringBuilder();
      for (int j = random.nextInt(5); j >= 0; j--) {
        body.append(",\"").append(fields.get(random.nextInt(fields.size()))).append("\":")
            .append(values.get(random.nextInt(values.size())));
      }
      String path = random.nextBoolean() ? CHAT : COMPLETION;
      String text = random.nextInt(3) == 0 ? "{" + body.substring(1) + "}" : GOOD.get(path).formatted(body);
      int status = fixture.post(path, text).statusCode();
      assertThat(status).as(path + " " + text).isIn(200, 400, 404);
      statuses.add(status);
    }
    assertThat(statuses).contains(200, 400);
  }

  @Test
  void shouldAcceptWhatOtherServersTakeAndNullForAbsent() throws Exception {
    String extras = ",\"presence_penalty\":0.5,\"frequency_penalty\":0,\"logit_bias\":{\"1\":-100},\"user\":\"me\","
        + "\"tools\":[],\"response_format\":{\"type\":\"text\"},\"temperature\":null,\"stop\":null,\"seed\":null,"
        + "\"model\":\"tiny\",\"n\":1,\"max_tokens\":5000,\"top_k\":0";
    for (String path : List.of(CHAT, COMPLETION)) {
      assertThat(fixture.post(path, GOOD.get(path).formatted(extras)).statusCode()).isEqualTo(200);
    }
    assertThat(fixture.post(COMPLETION, new JsonObject().put("prompt", JsonArray.of("one"))).statusCode())
        .isEqualTo(200);
    assertThat(fixture.post(COMPLETION, new JsonObject().put("prompt", JsonArray.of(JsonArray.of(1, 2)))).statusCode())
        .isEqualTo(200);
    assertThat(fixture.post(CHAT, new JsonObject().put("prompt_ids", JsonArray.of(1, 2))).statusCode()).isEqualTo(200);
  }

  @Test
  void shouldSayThatAModelIsUnknown() throws Exception {
    HttpResponse<String> response = fixture.post(CHAT, GOOD.get(CHAT).formatted(",\"model\":\"gpt-9\""));
    assertThat(response.statusCode()).isEqualTo(404);
    assertThat(response.body()).contains("model_not_found", "tiny");
  }

  @Test
  void shouldRefuseABodyThatIsTooLarge() throws Exception {
    HttpResponse<String> response = fixture.post(COMPLETION, "{\"prompt\":\"" + "x".repeat(1 << 20) + "\"}");
    assertThat(response.statusCode()).isEqualTo(413);
    assertThat(response.body()).contains("body_too_large");
  }
}
