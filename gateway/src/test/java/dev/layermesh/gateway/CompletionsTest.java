package dev.layermesh.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import dev.layermesh.decoding.SessionSpec;
import dev.layermesh.decoding.StopReason;
import dev.layermesh.decoding.TokenIds;
import dev.layermesh.decoding.loop.Round;
import dev.layermesh.gateway.ScriptedSessions.End;
import dev.layermesh.gateway.ScriptedSessions.Script;
import dev.layermesh.gateway.api.Endpoints;
import dev.layermesh.gateway.turn.ModelSource.State;
import dev.layermesh.gateway.turn.ServedModel;
import dev.layermesh.gateway.turn.SessionHosts;
import dev.layermesh.gateway.turn.Turns;
import dev.layermesh.mesh.wire.FailureCode;
import dev.layermesh.tokenizer.ChatMessage;
import dev.layermesh.tokenizer.GenerationDefaults;
import dev.layermesh.tokenizer.text.ModelText;
import io.opentelemetry.api.OpenTelemetry;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.slf4j.LoggerFactory;

@Timeout(value = 60, unit = TimeUnit.SECONDS)
class CompletionsTest {
  private static final JsonObject CHAT = new JsonObject().put(
      "messages", JsonArray.of(new JsonObject().put("role", "user").put("content", "hi")));
  private static final int CHAT_TOKENS = 1 + "user: hi\n".length();
  private static final JsonObject COMPLETION = new JsonObject().put("prompt", "hi").put("max_tokens", 500);

  private static GatewayFixture saying(String text, int size, StopReason reason) {
    return new GatewayFixture(new ScriptedSessions(64, request -> ScriptedSessions.says(text, size, reason)));
  }

  private static List<JsonObject> chunks(List<String> lines) {
    assertThat(lines.getLast()).isEqualTo("data: [DONE]");
    return lines.subList(0, lines.size() - 1).stream().map(CompletionsTest::data).toList();
  }

  private static JsonObject data(String line) {
    assertThat(line).startsWith("data: ");
    return new JsonObject(line.substring(6));
  }

  private static JsonObject choice(JsonObject chunk) {
    return chunk.getJsonArray("choices").getJsonObject(0);
  }

  private static String text(List<JsonObject> chunks) {
    return chunks.stream().filter(chunk -> !chunk.getJsonArray("choices").isEmpty())
        .map(chunk -> choice(chunk).getJsonObject("delta").getString("content", "")).collect(Collectors.joining());
  }

  @Test
  void shouldStreamAChatFromItsRoleToDone() throws Exception {
    try (var fixture = saying("Grüße, 世界!", 3, StopReason.LENGTH)) {
      List<JsonObject> chunks = chunks(fixture.stream("/v1/chat/completions", CHAT.copy().put("stream", true)));

      assertThat(chunks).allSatisfy(chunk -> {
        assertThat(chunk.getString("object")).isEqualTo("chat.completion.chunk");
        assertThat(chunk.getString("id")).startsWith("chatcmpl-").isEqualTo(chunks.getFirst().getString("id"));
        assertThat(chunk.getLong("created")).isEqualTo(chunks.getFirst().getLong("created"));
        assertThat(chunk.getString("model")).isEqualTo("tiny");
        assertThat(chunk.containsKey("usage")).isFalse();
      });
      assertThat(choice(chunks.getFirst()).getJsonObject("delta").getString("role")).isEqualTo("assistant");
      assertThat(text(chunks)).isEqualTo("Grüße, 世界!");
      assertThat(chunks.subList(0, chunks.size() - 1))
          .allSatisfy(chunk -> assertThat(choice(chunk).getValue("finish_reason")).isNull());
      assertThat(choice(chunks.getLast()).getString("finish_reason")).isEqualTo("length");
      assertThat(choice(chunks.getLast()).getJsonObject("delta").isEmpty()).isTrue();
      assertThat(chunks.getLast().getJsonObject("speculation").fieldNames()).contains(
          "seed", "rounds", "draft_tokens", "accepted_tokens", "acceptance_rate", "mean_acceptance_length",
          "early_layer_rows", "late_layer_rows", "ttft_ms", "tokens_per_second");
    }
  }

  @Test
  void shouldNeverSendHalfACharacter() throws Exception {
    try (var fixture = saying("é世🙂", 1, StopReason.LENGTH)) {
      List<JsonObject> chunks = chunks(fixture.stream("/v1/chat/completions", CHAT.copy().put("stream", true)));

      assertThat(chunks.subList(1, chunks.size() - 1).stream()
          .map(chunk -> choice(chunk).getJsonObject("delta").getString("content")).toList())
          .containsExactly("é", "世", "🙂");
    }
  }

  @Test
  void shouldAddAUsageChunkOnRequest() throws Exception {
    try (var fixture = saying("four", 3, StopReason.LENGTH)) {
      List<JsonObject> chunks = chunks(fixture.stream("/v1/chat/completions", CHAT.copy()
          .put("stream", true).put("stream_options", new JsonObject().put("include_usage", true))));

      assertThat(chunks.subList(0, chunks.size() - 1)).allSatisfy(chunk -> {
        assertThat(chunk.containsKey("usage")).isTrue();
        assertThat(chunk.getValue("usage")).isNull();
      });
      assertThat(chunks.getLast().getJsonArray("choices")).isEmpty();
      assertThat(chunks.getLast().getJsonObject("usage")).isEqualTo(new JsonObject()
          .put("prompt_tokens", CHAT_TOKENS).put("completion_tokens", 4).put("total_tokens", CHAT_TOKENS + 4));
      assertThat(chunks.getLast().containsKey("speculation")).isTrue();
    }
  }

  @Test
  void shouldAnswerAChatInOnePiece() throws Exception {
    try (var fixture = saying("Hello", 2, StopReason.LENGTH)) {
      HttpResponse<String> response = fixture.post("/v1/chat/completions", CHAT.copy().put("return_token_ids", true));
      var answer = new JsonObject(response.body());

      assertThat(response.statusCode()).isEqualTo(200);
      assertThat(response.headers().firstValue("x-request-id")).isPresent();
      assertThat(answer.getString("object")).isEqualTo("chat.completion");
      assertThat(choice(answer).getJsonObject("message").getString("content")).isEqualTo("Hello");
      assertThat(choice(answer).getString("finish_reason")).isEqualTo("length");
      assertThat(choice(answer).getJsonArray("token_ids")).isEqualTo(JsonArray.of(72, 101, 108, 108, 111));
      assertThat(answer.getJsonArray("prompt_token_ids").size()).isEqualTo(CHAT_TOKENS);
      assertThat(answer.getJsonObject("usage").getInteger("completion_tokens")).isEqualTo(5);
      assertThat(answer.getJsonObject("speculation").getInteger("rounds")).isEqualTo(3);
      assertThat(answer.getJsonObject("speculation").getInteger("draft_tokens")).isEqualTo(5);
      assertThat(answer.getJsonObject("speculation").getInteger("accepted_tokens")).isEqualTo(2);
    }
  }

  @Test
  void shouldContinueAPromptOfTokenIds() throws Exception {
    var generator = new ScriptedSessions(64, request -> ScriptedSessions.says("ok", 1, StopReason.LENGTH));
    try (var fixture = new GatewayFixture(generator)) {
      HttpResponse<String> response = fixture.post("/v1/completions", new JsonObject()
          .put("prompt", JsonArray.of(256, 1, 2)).put("seed", 42).put("top_k", 5).put("window", 7)
          .put("temperature", 0.5).put("max_tokens", 3));
      assertThat(choice(new JsonObject(response.body())).getString("text")).isEqualTo("ok");

      SessionSpec session = generator.runs.getFirst().spec;
      assertThat(session.prompt()).isEqualTo(TokenIds.of(256, 1, 2));
      assertThat(session.sampling().seed()).isEqualTo(42);
      assertThat(session.sampling().topK()).isEqualTo(5);
      assertThat(session.sampling().temperature()).isEqualTo(0.5);
      assertThat(session.window().draftTokens()).isEqualTo(7);
      assertThat(session.stops().maxTokens()).isEqualTo(3);
      assertThat(session.stops().eosIds()).isEqualTo(TokenIds.of(ByteText.EOS));
    }
  }

  @Test
  void shouldUseTheFieldsDefaultsAndReportTheSeedItDrew() throws Exception {
    var generator = new ScriptedSessions(64, request -> ScriptedSessions.says("ok", 1, StopReason.LENGTH));
    try (var fixture = new GatewayFixture(generator)) {
      var answer = new JsonObject(fixture.post("/v1/chat/completions", CHAT.copy().put("ignore_eos", true)).body());

      SessionSpec session = generator.runs.getFirst().spec;
      assertThat(session.sampling().temperature()).isEqualTo(1);
      assertThat(session.sampling().topP()).isEqualTo(1);
      assertThat(session.sampling().topK()).isZero();
      assertThat(session.window().draftTokens()).isEqualTo(4);
      assertThat(session.stops().maxTokens()).isEqualTo(1000 - CHAT_TOKENS);
      assertThat(session.stops().eosIds().isEmpty()).isTrue();
      assertThat(answer.getLong("seed")).isEqualTo(session.sampling().seed()).isBetween(0L, 1L << 53);
    }
  }

  @Test
  void shouldCountAFinalEosButNotShowIt() throws Exception {
    TokenIds ids = ByteText.bytes("bye").concat(TokenIds.of(ByteText.EOS));
    try (var fixture = new GatewayFixture(new ScriptedSessions(64, request -> new Script(
        ScriptedSessions.rounds(ids, 3), Optional.of(new End.Finish(StopReason.EOS)))))) {
      var answer = new JsonObject(
          fixture.post("/v1/completions", COMPLETION.copy().put("return_token_ids", true)).body());

      assertThat(choice(answer).getString("text")).isEqualTo("bye");
      assertThat(choice(answer).getString("finish_reason")).isEqualTo("stop");
      assertThat(choice(answer).getJsonArray("token_ids").size()).isEqualTo(4);
      assertThat(answer.getJsonObject("usage").getInteger("completion_tokens")).isEqualTo(4);
    }
  }

  @Test
  void shouldCutAStopStringAcrossRoundsAndCancelTheGeneration() throws Exception {
    var generator = new ScriptedSessions(64, request -> ScriptedSessions.lingers("one two STOP three four", 5));
    try (var fixture = new GatewayFixture(generator)) {
      List<JsonObject> chunks = chunks(fixture.stream("/v1/chat/completions", CHAT.copy()
          .put("stream", true).put("stop", JsonArray.of("never", " STOP")).put("return_token_ids", true)
          .put("stream_options", new JsonObject().put("include_usage", true))));

      assertThat(text(chunks)).isEqualTo("one two");
      assertThat(choice(chunks.get(chunks.size() - 2)).getString("finish_reason")).isEqualTo("stop");
      assertThat(chunks.getLast().getJsonObject("usage").getInteger("completion_tokens")).isEqualTo(12);
      int ids = chunks.stream().filter(chunk -> !chunk.getJsonArray("choices").isEmpty())
          .map(chunk -> choice(chunk).getJsonArray("token_ids", new JsonArray())).mapToInt(JsonArray::size).sum();
      assertThat(ids).isEqualTo(12);
      generator.runs.getFirst().awaitCancelled();
    }
  }

  @Test
  void shouldReleaseWhatLookedLikeAStopStringAtTheEnd() throws Exception {
    try (var fixture = saying("almost STO", 4, StopReason.LENGTH)) {
      var answer = new JsonObject(fixture.post("/v1/completions", COMPLETION.copy().put("stop", "STOP")).body());
      assertThat(choice(answer).getString("text")).isEqualTo("almost STO");
      assertThat(choice(answer).getString("finish_reason")).isEqualTo("length");
    }
  }

  @Test
  void shouldShowRoundsOnlyToClientsThatAsk() throws Exception {
    var rounds = List.of(
        new Round(0, ByteText.bytes("abc"), ByteText.bytes("abx"), 2),
        new Round(3, ByteText.bytes("de"), ByteText.bytes("d"), 1));
    try (var fixture = new GatewayFixture(new ScriptedSessions(
        64, request -> new Script(rounds, Optional.of(new End.Finish(StopReason.LENGTH)))))) {
      List<JsonObject> chunks = chunks(fixture.stream(
          "/v1/completions", COMPLETION.copy().put("stream", true).put("speculation", true)));

      assertThat(chunks.get(1).getJsonObject("speculation")).isEqualTo(new JsonObject()
          .put("drafted", JsonArray.of(97, 98, 120)).put("accepted", 2).put("verdict", "correction")
          .put("pieces", JsonArray.of("a", "b", "c")).put("rejected", JsonArray.of("x")));
      assertThat(chunks.get(2).getJsonObject("speculation").getString("verdict")).isEqualTo("bonus");
    }
  }

  @Test
  void shouldEndABrokenStreamWithExactlyOneError() throws Exception {
    try (var fixture = new GatewayFixture(new ScriptedSessions(64, request -> new Script(
        ScriptedSessions.spelling("part", 2), Optional.of(new End.Fail("the draft worker left")))))) {
      List<String> lines = fixture.stream("/v1/chat/completions", CHAT.copy().put("stream", true));

      assertThat(lines.stream().filter(line -> line.equals("event: error"))).hasSize(1);
      assertThat(lines.get(lines.size() - 2)).isEqualTo("event: error");
      JsonObject error = data(lines.getLast()).getJsonObject("error");
      assertThat(error.getString("type")).isEqualTo("server_error");
      assertThat(error.getString("message")).isEqualTo("the draft worker left");
      assertThat(lines).noneMatch(line -> line.contains("[DONE]"));

      assertThat(fixture.post("/v1/chat/completions", CHAT).statusCode()).isEqualTo(500);
    }
  }

  @Test
  void shouldSayWhenToRetryIfNoWorkerCanAnswer() throws Exception {
    try (var fixture = new GatewayFixture(ScriptedSessions.refusing(429, "too_many_sessions"))) {
      for (boolean stream : List.of(true, false)) {
        HttpResponse<String> response = fixture.post("/v1/chat/completions", CHAT.copy().put("stream", stream));
        assertThat(response.statusCode()).isEqualTo(429);
        assertThat(response.headers().firstValue("retry-after")).hasValue("7");
        assertThat(new JsonObject(response.body()).getJsonObject("error").getString("code"))
            .isEqualTo("too_many_sessions");
      }
    }
    try (var fixture = new GatewayFixture(
        GatewayFixture.OPTIONS, () -> new State.Missing("no_verify_worker", "no verify worker is there"),
        new ScriptedSessions(64, request -> ScriptedSessions.lingers("", 1)), OpenTelemetry.noop())) {
      HttpResponse<String> response = fixture.post("/v1/completions", COMPLETION);
      assertThat(response.statusCode()).isEqualTo(503);
      assertThat(response.headers().firstValue("retry-after")).isPresent();
      assertThat(response.body()).contains("no_verify_worker");
      assertThat(fixture.get("/health/ready").statusCode()).isEqualTo(503);
      assertThat(fixture.get("/health/ready").body()).contains("no verify worker");
      assertThat(fixture.get("/health/live").statusCode()).isEqualTo(200);
      assertThat(new JsonObject(fixture.get("/v1/models").body()).getJsonArray("data")).isEmpty();
    }
  }

  @Test
  void shouldCountARequestFromItsArrivalToTheLastByteOfItsAnswer() throws Exception {
    var generator = new ScriptedSessions(64, session -> ScriptedSessions.lingers("hello", 5));
    GatewayOptions one = GatewayFixture.OPTIONS.withLimits(1, 64, 64 << 10);
    try (var fixture = new GatewayFixture(
        one, () -> new State.Ready(GatewayFixture.MODEL), generator, OpenTelemetry.noop())) {
      JsonObject wrong = COMPLETION.copy().put("prompt", JsonArray.of(ByteText.VOCAB));
      assertThat(fixture.post("/v1/completions", wrong).statusCode()).isEqualTo(400);
      GatewayFixture.Socket socket = fixture.connect();
      socket.send(new JsonObject().put("type", "response.create").put("input", "hi"));
      GatewayFixture.eventually("it runs", () -> generator.runs.size() == 1);
      HttpResponse<String> second = fixture.post("/v1/completions", COMPLETION);
      assertThat(second.statusCode()).isEqualTo(429);
      assertThat(second.headers().firstValue("retry-after")).isPresent();
      assertThat(second.body()).contains("too_many_sessions");
      socket.send(new JsonObject().put("type", "response.cancel"));
      socket.untilEnd();
      JsonObject brief = COMPLETION.copy().put("stop", "h");
      GatewayFixture.eventually("the place is free again", () -> status(fixture, brief) == 200);
    }
  }

  private static int status(GatewayFixture fixture, JsonObject body) {
    try {
      return fixture.post("/v1/completions", body).statusCode();
    } catch (Exception e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void shouldAnswerThatNoWorkerHasRoomBeforeAStreamBegins() throws Exception {
    var code = new AtomicReference<>(FailureCode.OVERLOADED);
    try (var fixture = new GatewayFixture(new ScriptedSessions(
        64, request -> new Script(List.of(), Optional.of(new End.Fail(code.get(), "full")))))) {
      for (boolean stream : List.of(true, false)) {
        HttpResponse<String> response = fixture.post("/v1/chat/completions", CHAT.copy().put("stream", stream));
        assertThat(response.statusCode()).isEqualTo(429);
        assertThat(response.headers().firstValue("retry-after")).isPresent();
      }
      code.set(FailureCode.DRAINING);
      assertThat(fixture.post("/v1/chat/completions", CHAT.copy().put("stream", true)).statusCode()).isEqualTo(503);
    }
  }

  @Test
  void shouldRefuseWhatCannotFitBeforeItIsEncoded() throws Exception {
    try (var fixture = saying("ok", 1, StopReason.EOS)) {
      var many = new JsonArray();
      for (int i = 0; i < 1001; i++) {
        many.add(new JsonObject().put("role", "user").put("content", "a"));
      }
      HttpResponse<String> messages = fixture.post("/v1/chat/completions", new JsonObject().put("messages", many));
      assertThat(messages.statusCode()).isEqualTo(400);
      assertThat(messages.body()).contains("context_length_exceeded", "1001 messages");
      HttpResponse<String> text = fixture.post("/v1/completions", new JsonObject().put("prompt", "x".repeat(16_001)));
      assertThat(text.statusCode()).isEqualTo(400);
      assertThat(text.body()).contains("context_length_exceeded", "16001 characters");
    }
  }

  @Test
  void shouldCountTheTimeToEncodeAPrompt() throws Exception {
    long slow = TimeUnit.MILLISECONDS.toNanos(40);
    ModelText text = new SlowText(slow);
    ServedModel model = GatewayFixture.MODEL;
    var served = new ServedModel(
        model.id(), model.fingerprint(), model.contextLength(), model.exitLayer(), model.window(),
        model.sampling(), model.since(), text);
    try (var fixture = new GatewayFixture(
        GatewayFixture.OPTIONS, () -> new State.Ready(served),
        new ScriptedSessions(64, request -> ScriptedSessions.says("ok", 1, StopReason.EOS)), OpenTelemetry.noop())) {
      var answer = new JsonObject(fixture.post("/v1/completions", COMPLETION).body());
      assertThat(answer.getJsonObject("speculation").getDouble("ttft_ms")).isGreaterThanOrEqualTo(40);
    }
  }

  /** Encodes slowly. */
  private record SlowText(long nanos) implements ModelText {
    private static final ByteText TEXT = new ByteText();

    @Override
    public int vocabSize() {
      return TEXT.vocabSize();
    }

    @Override
    public TokenIds eosIds() {
      return TEXT.eosIds();
    }

    @Override
    public GenerationDefaults samplingDefaults() {
      return TEXT.samplingDefaults();
    }

    @Override
    public boolean hasChatTemplate() {
      return TEXT.hasChatTemplate();
    }

    @Override
    public TokenIds encode(String prompt) {
      long end = System.nanoTime() + nanos;
      while (System.nanoTime() < end) {
        Thread.onSpinWait();
      }
      return TEXT.encode(prompt);
    }

    @Override
    public TokenIds encodeChat(List<ChatMessage> messages) {
      return TEXT.encodeChat(messages);
    }

    @Override
    public TextStream stream(List<String> stops) {
      return TEXT.stream(stops);
    }

    @Override
    public String decode(TokenIds ids) {
      return TEXT.decode(ids);
    }
  }

  @Test
  void shouldAnswerWhenAGenerationCannotEvenStart() throws Exception {
    SessionHosts broken = (fingerprint, traceparent) -> {
      throw new IllegalStateException("broken");
    };
    GatewayOptions one = GatewayFixture.OPTIONS.withLimits(1, 64, 64 << 10);
    try (var fixture = new GatewayFixture(
        one, () -> new State.Ready(GatewayFixture.MODEL), broken, OpenTelemetry.noop())) {
      assertThat(fixture.post("/v1/completions", COMPLETION).statusCode()).isEqualTo(500);
      assertThat(fixture.post("/v1/completions", COMPLETION).statusCode()).as("the place is free again").isEqualTo(500);
      assertThat(fixture.get("/metrics").body()).contains("layermesh:num_requests_running 0.0");
    }
  }

  @Test
  void shouldCloseTheConnectionOfARequestThatIsNotAllHere() throws Exception {
    GatewayOptions impatient = GatewayFixture.OPTIONS.withPatience(
        Duration.ofSeconds(1), Duration.ofMillis(300), Duration.ofSeconds(60));
    try (var fixture = new GatewayFixture(
        impatient, () -> new State.Ready(GatewayFixture.MODEL),
        new ScriptedSessions(64, request -> ScriptedSessions.says("ok", 1, StopReason.EOS)), OpenTelemetry.noop())) {
      assertThat(answerToHalfABody(fixture, 10, 100)).startsWith("HTTP/1.1 408 ").contains("body_timeout");
      assertThat(answerToHalfABody(fixture, 70 << 10, 80 << 10)).startsWith("HTTP/1.1 413 ")
          .contains("body_too_large");
    }
  }

  private static String answerToHalfABody(GatewayFixture fixture, int sent, int announced) throws IOException {
    try (var socket = new Socket("127.0.0.1", fixture.gateway.port())) {
      socket.setSoTimeout(10_000);
      socket.getOutputStream().write(
          ("POST /v1/completions HTTP/1.1\r\nHost: here\r\nContent-Length: " + announced + "\r\n\r\n"
              + " ".repeat(sent)).getBytes(StandardCharsets.US_ASCII));
      return new String(socket.getInputStream().readAllBytes(), StandardCharsets.US_ASCII);
    }
  }

  @Test
  void shouldLogNoErrorWhenAClientLeavesBeforeItSentItsBody() throws Exception {
    var loud = new ListAppender<ILoggingEvent>();
    var quiet = new ListAppender<ILoggingEvent>();
    Logger turns = (Logger) LoggerFactory.getLogger(Turns.class);
    Logger endpoints = (Logger) LoggerFactory.getLogger(Endpoints.class);
    try (var fixture = saying("ok", 1, StopReason.EOS)) {
      loud.start();
      quiet.start();
      turns.addAppender(loud);
      endpoints.addAppender(quiet);
      endpoints.setLevel(Level.DEBUG);
      var socket = new Socket("127.0.0.1", fixture.gateway.port());
      socket.getOutputStream().write("POST /v1/completions HTTP/1.1\r\nHost: here\r\nContent-Length: 9\r\n\r\n{"
          .getBytes(StandardCharsets.US_ASCII));
      socket.close();
      GatewayFixture.eventually("the early end is logged", () -> !quiet.list.isEmpty());
    } finally {
      endpoints.setLevel(null);
      endpoints.detachAppender(quiet);
      turns.detachAppender(loud);
    }
    assertThat(loud.list).isEmpty();
  }

  @Test
  void shouldCancelTheGenerationOfAClientThatVanishes() throws Exception {
    var generator = new ScriptedSessions(64, request -> ScriptedSessions.lingers("xxxxx", 1));
    try (var fixture = new GatewayFixture(generator)) {
      for (boolean stream : List.of(true, false)) {
        Socket socket = raw(fixture, COMPLETION.copy().put("stream", stream));
        GatewayFixture.eventually("the generation runs", () -> !generator.runs.isEmpty());
        GatewayFixture.eventually("tokens came", () -> generator.runs.getLast().acknowledged() == 5);
        socket.close();
        generator.runs.removeLast().awaitCancelled();
      }
    }
  }

  @Test
  void shouldLetASlowReaderStopTheGenerationAndThenGiveItEveryToken() throws Exception {
    String text = "0123456789".repeat(8_000);
    var generator = new ScriptedSessions(200, request -> ScriptedSessions.says(text, 4, StopReason.LENGTH));
    try (var fixture = new GatewayFixture(generator);
        Socket socket = raw(fixture, COMPLETION.copy().put("stream", true).put("speculation", true))) {
      GatewayFixture.eventually("the generation runs", () -> !generator.runs.isEmpty());
      ScriptedSessions.Run run = generator.runs.getFirst();
      GatewayFixture.eventually("the credit is used up", () -> run.sent() == run.acknowledged() + 200);
      assertThat(run.sent()).isLessThan(text.length() / 2);

      List<JsonObject> chunks = chunks(sse(socket.getInputStream()));

      assertThat(chunks.stream().map(chunk -> choice(chunk).getString("text")).collect(Collectors.joining()))
          .isEqualTo(text);
    }
  }

  private static Socket raw(GatewayFixture fixture, JsonObject body) throws IOException {
    var socket = new Socket();
    socket.setReceiveBufferSize(16 << 10);
    socket.connect(new InetSocketAddress("127.0.0.1", fixture.gateway.port()));
    byte[] bytes = body.encode().getBytes(StandardCharsets.UTF_8);
    socket.getOutputStream().write(
        ("POST /v1/completions HTTP/1.1\r\nHost: here\r\nConnection: close\r\nContent-Length: " + bytes.length
            + "\r\n\r\n").getBytes(StandardCharsets.US_ASCII));
    socket.getOutputStream().write(bytes);
    return socket;
  }

  /** The lines in the body of a chunked HTTP/1.1 answer of ASCII text. */
  private static List<String> sse(InputStream in) throws IOException {
    String answer = new String(in.readAllBytes(), StandardCharsets.US_ASCII);
    var body = new StringBuilder();
    int at = answer.indexOf("\r\n\r\n") + 4;
    int length;
    do {
      int start = answer.indexOf("\r\n", at) + 2;
      length = Integer.parseInt(answer.substring(at, start - 2), 16);
      body.append(answer, start, start + length);
      at = start + length + 2;
    } while (length > 0);
    return body.toString().lines().filter(line -> !line.isEmpty()).toList();
  }
}
