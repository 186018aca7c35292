package dev.layermesh.gateway;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.layermesh.decoding.InputException;
import dev.layermesh.decoding.StopReason;
import dev.layermesh.decoding.loop.Round;
import dev.layermesh.gateway.GatewayFixture.Socket;
import dev.layermesh.gateway.ScriptedSessions.End;
import dev.layermesh.gateway.ScriptedSessions.Script;
import dev.layermesh.gateway.turn.ModelSource.State;
import dev.layermesh.gateway.turn.ServedModel;
import dev.layermesh.gateway.turn.SessionHosts;
import dev.layermesh.tokenizer.GenerationDefaults;
import io.opentelemetry.api.OpenTelemetry;
import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.trace.SpanKind;
import io.opentelemetry.api.trace.StatusCode;
import io.opentelemetry.sdk.OpenTelemetrySdk;
import io.opentelemetry.sdk.testing.exporter.InMemorySpanExporter;
import io.opentelemetry.sdk.trace.SdkTracerProvider;
import io.opentelemetry.sdk.trace.data.SpanData;
import io.opentelemetry.sdk.trace.export.SimpleSpanProcessor;
import io.vertx.core.Future;
import io.vertx.core.http.WebSocketConnectOptions;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class GatewayTest {
  private static final JsonObject COMPLETION = new JsonObject().put("prompt", "hi").put("max_tokens", 500);
  private static final String TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
  private static final String PARENT = "00f067aa0ba902b7";

  private final InMemorySpanExporter spans = InMemorySpanExporter.create();
  private final OpenTelemetry telemetry = OpenTelemetrySdk.builder().setTracerProvider(
      SdkTracerProvider.builder().addSpanProcessor(SimpleSpanProcessor.create(spans)).build()).build();

  private static ScriptedSessions saying(String text) {
    return new ScriptedSessions(64, request -> ScriptedSessions.says(text, 2, StopReason.EOS));
  }

  private static GatewayFixture fixture(GatewayOptions options, SessionHosts generator, OpenTelemetry telemetry) {
    return new GatewayFixture(options, () -> new State.Ready(GatewayFixture.MODEL), generator, telemetry);
  }

  @Test
  void shouldListItsModelAndItsHealth() throws Exception {
    try (var fixture = new GatewayFixture(saying("ok"))) {
      JsonObject list = new JsonObject(fixture.get("/v1/models").body());
      assertThat(list.getString("object")).isEqualTo("list");
      JsonObject model = list.getJsonArray("data").getJsonObject(0);
      assertThat(model.getString("id")).isEqualTo("tiny");
      assertThat(model.getString("object")).isEqualTo("model");
      assertThat(model.getString("fingerprint")).isEqualTo("f00d");
      assertThat(model.getInteger("context_length")).isEqualTo(1000);
      assertThat(model.getInteger("exit_layer")).isEqualTo(3);
      assertThat(new JsonObject(fixture.get("/v1/models/tiny").body())).isEqualTo(model);
      assertThat(fixture.get("/v1/models/other").statusCode()).isEqualTo(404);
      assertThat(fixture.get("/health/live").statusCode()).isEqualTo(200);
      assertThat(fixture.get("/health/ready").statusCode()).isEqualTo(200);
    }
  }

  @Test
  void shouldTellTheSamplingValuesOfRequestsThatNameNone() throws Exception {
    ServedModel plain = GatewayFixture.MODEL;
    var sampling = new GenerationDefaults(OptionalDouble.of(0.6), OptionalInt.empty(), OptionalDouble.of(0.9));
    var model = new ServedModel(
        plain.id(), plain.fingerprint(), plain.contextLength(), plain.exitLayer(), plain.window(), sampling,
        plain.since(), plain.text());
    try (var fixture = new GatewayFixture(
        GatewayFixture.OPTIONS, () -> new State.Ready(model), saying("ok"), OpenTelemetry.noop())) {
      JsonObject told = new JsonObject(fixture.get("/v1/models/tiny").body());
      assertThat(told.getInteger("window")).isEqualTo(4);
      assertThat(told.getJsonObject("generation_config"))
          .isEqualTo(new JsonObject().put("temperature", 0.6).put("top_p", 0.9));
    }
  }

  @Test
  void shouldAnswerUnknownPathsAndMethodsInJson() throws Exception {
    try (var fixture = new GatewayFixture(saying("ok"))) {
      assertThat(fixture.get("/v1/embeddings").statusCode()).isEqualTo(404);
      assertThat(new JsonObject(fixture.get("/nothing").body()).getJsonObject("error").getString("code"))
          .isEqualTo("not_found");
      assertThat(fixture.get("/v1/completions").statusCode()).isEqualTo(405);
    }
  }

  @Test
  void shouldServeAPageThatNeedsNothingElse() throws Exception {
    try (var fixture = new GatewayFixture(saying("ok"))) {
      HttpResponse<String> page = fixture.get("/");
      assertThat(page.statusCode()).isEqualTo(200);
      assertThat(page.headers().firstValue("content-type")).hasValue("text/html; charset=utf-8");
      assertThat(page.headers().firstValue("content-security-policy").orElseThrow()).contains("default-src 'none'");
      assertThat(page.body()).contains("/v1/responses", "<title>LayerMesh</title>");
      assertThat(page.body().replace("http://www.w3.org/2000/svg", "")).doesNotContainPattern("(src|href)=.https?:");
    }
  }

  @Test
  void shouldCountSpeculationUnderTheNamesOfTheField() throws Exception {
    var rounds = List.of(
        new Round(0, ByteText.bytes("abc"), ByteText.bytes("abx"), 2),
        new Round(3, ByteText.bytes("de"), ByteText.bytes("dy"), 1));
    try (var fixture = new GatewayFixture(new ScriptedSessions(
        64, request -> new Script(rounds, Optional.of(new End.Finish(StopReason.EOS)))))) {
      assertThat(fixture.post("/v1/completions", COMPLETION).statusCode()).isEqualTo(200);

      assertThat(fixture.get("/metrics").body().lines()).contains(
          "layermesh:spec_decode_num_drafts_total 2.0",
          "layermesh:spec_decode_num_draft_tokens_total 5.0",
          "layermesh:spec_decode_num_accepted_tokens_total 3.0",
          "layermesh:spec_decode_num_accepted_tokens_per_pos_total{position=\"0\"} 2.0",
          "layermesh:spec_decode_num_accepted_tokens_per_pos_total{position=\"1\"} 1.0",
          "layermesh:generation_tokens_total 5.0",
          "layermesh:prompt_tokens_total 3.0",
          "layermesh:num_requests_running 0.0",
          "layermesh:request_success_total{finished_reason=\"stop\"} 1.0",
          "layermesh:time_to_first_token_seconds_count 1",
          "layermesh:e2e_request_latency_seconds_count 1");
    }
  }

  @Test
  void shouldContinueTheCallersTraceThroughToTheWorkers() throws Exception {
    var generator = saying("ok");
    try (var fixture = fixture(GatewayFixture.OPTIONS, generator, telemetry)) {
      fixture.http.send(
          fixture.request("/v1/completions").header("traceparent", "00-" + TRACE + "-" + PARENT + "-01")
              .POST(HttpRequest.BodyPublishers.ofString(COMPLETION.copy().put("seed", 3).encode())).build(),
          HttpResponse.BodyHandlers.ofString());

      SpanData span = spans.getFinishedSpanItems().getFirst();
      assertThat(spans.getFinishedSpanItems()).hasSize(1);
      assertThat(span.getTraceId()).isEqualTo(TRACE);
      assertThat(span.getParentSpanId()).isEqualTo(PARENT);
      assertThat(span.getName()).isEqualTo("text_completion tiny");
      assertThat(span.getKind()).isEqualTo(SpanKind.SERVER);
      assertThat(span.getAttributes().get(AttributeKey.longKey("gen_ai.usage.output_tokens"))).isEqualTo(2);
      assertThat(span.getAttributes().get(AttributeKey.longKey("gen_ai.request.seed"))).isEqualTo(3);
      assertThat(span.getAttributes().get(AttributeKey.stringArrayKey("gen_ai.response.finish_reasons")))
          .containsExactly("stop");
      assertThat(generator.runs.getFirst().traceparent)
          .hasValue("00-" + TRACE + "-" + span.getSpanId() + "-01");
    }
  }

  @Test
  void shouldGiveEachTurnOfASocketATraceLinkedToTheConnection() throws Exception {
    try (var fixture = fixture(GatewayFixture.OPTIONS, saying("ok"), telemetry)) {
      Socket socket = fixture.connect(
          new WebSocketConnectOptions().addHeader("traceparent", "00-" + TRACE + "-" + PARENT + "-01"));
      for (int i = 0; i < 2; i++) {
        socket.send(new JsonObject().put("type", "response.create").put("input", "hi"));
        socket.untilEnd();
      }
      List<SpanData> turns = spans.getFinishedSpanItems();
      assertThat(turns).hasSize(2).allSatisfy(span -> {
        assertThat(span.getName()).isEqualTo("chat tiny");
        assertThat(span.getParentSpanContext().isValid()).isFalse();
        assertThat(span.getLinks().getFirst().getSpanContext().getTraceId()).isEqualTo(TRACE);
      });
      assertThat(turns.get(0).getTraceId()).isNotEqualTo(turns.get(1).getTraceId());
    }
  }

  @Test
  void shouldMarkTheSpanOfABrokenGeneration() throws Exception {
    try (var fixture = fixture(
        GatewayFixture.OPTIONS,
        new ScriptedSessions(64, request -> new Script(List.of(), Optional.of(new End.Fail("gone")))), telemetry)) {
      fixture.post("/v1/completions", COMPLETION);
      assertThat(spans.getFinishedSpanItems().getFirst().getStatus().getStatusCode()).isEqualTo(StatusCode.ERROR);
    }
  }

  @Test
  void shouldSayInOneLineThatItsPortIsTaken() throws Exception {
    try (var fixture = new GatewayFixture(saying("ok"))) {
      Future<Gateway> second = Gateway.start(
          fixture.vertx, GatewayFixture.OPTIONS.withAddress("127.0.0.1", fixture.gateway.port()),
          () -> new State.Ready(GatewayFixture.MODEL), saying("ok"), telemetry);
      assertThatThrownBy(() -> GatewayFixture.await(second)).cause().isInstanceOf(InputException.class)
          .hasMessageStartingWith("port=" + fixture.gateway.port() + ": cannot listen on 127.0.0.1");
    }
  }

  @Test
  void shouldRefuseOptionsThatCannotWork() {
    assertThatThrownBy(() -> GatewayOptions.DEFAULT.withAddress("127.0.0.1", 70_000))
        .isInstanceOf(InputException.class).hasMessage("port=70000: must be between 0 and 65535");
    assertThatThrownBy(() -> GatewayOptions.DEFAULT.withAddress(" ", 1)).isInstanceOf(InputException.class);
    assertThatThrownBy(() -> GatewayOptions.DEFAULT.withLimits(0, 1, 1 << 20)).isInstanceOf(InputException.class);
  }

  @Test
  void shouldLetRunningStreamsFinishBeforeItCloses() throws Exception {
    var gate = new CountDownLatch(1);
    var generator = new ScriptedSessions(64, request -> new Script(
        ScriptedSessions.spelling("to the end", 2), Optional.of(new End.Finish(StopReason.EOS)), gate));
    try (var fixture = new GatewayFixture(generator)) {
      Socket socket = fixture.connect();
      socket.send(new JsonObject().put("type", "response.create").put("input", "hi"));
      GatewayFixture.eventually("the generation runs", () -> !generator.runs.isEmpty());
      Future<Void> closing = fixture.gateway.close();
      assertThat(fixture.post("/v1/completions", COMPLETION).statusCode()).isEqualTo(503);
      gate.countDown();
      assertThat(socket.untilEnd().getLast().getJsonObject("response").getJsonArray("output").encode())
          .contains("to the end");
      GatewayFixture.await(closing);
    }
  }

  @Test
  void shouldEndWhatRunsPastTheDrainDeadlineWithAnError() throws Exception {
    var generator = new ScriptedSessions(64, request -> ScriptedSessions.lingers("hello", 5));
    GatewayOptions options = GatewayFixture.OPTIONS.withPatience(
        Duration.ofMillis(200), Duration.ofSeconds(60), Duration.ofSeconds(60));
    try (var fixture = fixture(options, generator, telemetry)) {
      CompletableFuture<HttpResponse<String>> response = fixture.http.sendAsync(
          fixture.request("/v1/completions")
              .POST(HttpRequest.BodyPublishers.ofString(COMPLETION.copy().put("stream", true).encode())).build(),
          HttpResponse.BodyHandlers.ofString());
      Socket socket = fixture.connect();
      socket.send(new JsonObject().put("type", "response.create").put("input", "hi"));
      GatewayFixture.eventually("both run", () -> generator.runs.size() == 2);
      GatewayFixture.eventually(
          "both have begun", () -> generator.runs.stream().allMatch(run -> run.acknowledged() == 5));
      GatewayFixture.await(fixture.gateway.close());

      assertThat(response.join().body().lines().filter(line -> line.startsWith("event:")).toList())
          .containsExactly("event: error");
      assertThat(socket.untilEnd().getLast().getString("type")).isEqualTo("response.failed");
      for (ScriptedSessions.Run run : generator.runs) {
        run.awaitCancelled();
      }
    }
  }

  @Test
  void shouldGiveUpAClientThatTakesNothing() throws Exception {
    var generator = new ScriptedSessions(
        1000, request -> ScriptedSessions.says("0123456789".repeat(100_000), 50, StopReason.LENGTH));
    GatewayOptions options = GatewayFixture.OPTIONS.withPatience(
        Duration.ofSeconds(1), Duration.ofMillis(300), Duration.ofSeconds(60));
    try (var fixture = fixture(options, generator, telemetry)) {
      Socket socket = fixture.connect();
      socket.socket.pause();
      socket.send(new JsonObject().put("type", "response.create").put("input", JsonArray.of(
          new JsonObject().put("role", "user").put("content", "hi"))));
      GatewayFixture.eventually("the generation runs", () -> !generator.runs.isEmpty());
      assertThat(generator.runs.getFirst().awaitCancelled()).isLessThan(1_000_000);
      GatewayFixture.eventually("its span ended", () -> !spans.getFinishedSpanItems().isEmpty());
      assertThat(spans.getFinishedSpanItems().getFirst().getStatus().getStatusCode()).isEqualTo(StatusCode.ERROR);
      assertThat(fixture.get("/metrics").body())
          .contains("layermesh:request_failure_total{code=\"client_stalled\"} 1.0");
      socket.socket.resume();
    }
  }
}
