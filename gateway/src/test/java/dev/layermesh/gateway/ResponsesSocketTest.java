package dev.layermesh.gateway;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.layermesh.decoding.StopReason;
import dev.layermesh.gateway.GatewayFixture.Socket;
import dev.layermesh.gateway.ScriptedSessions.End;
import dev.layermesh.gateway.ScriptedSessions.Script;
import dev.layermesh.gateway.turn.ModelSource;
import dev.layermesh.mesh.wire.FailureCode;
import io.opentelemetry.api.OpenTelemetry;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.WebSocketConnectOptions;
import io.vertx.core.http.WebSocketFrame;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(value = 60, unit = TimeUnit.SECONDS)
class ResponsesSocketTest {
  private static final JsonObject CREATE = new JsonObject().put("type", "response.create").put("input", "hi");

  private static ScriptedSessions saying(String text, int size, StopReason reason) {
    return new ScriptedSessions(64, request -> ScriptedSessions.says(text, size, reason));
  }

  private static ScriptedSessions lingering() {
    return new ScriptedSessions(64, request -> ScriptedSessions.lingers("hello", 5));
  }

  @Test
  void shouldSendEveryEventOfAResponseInOrder() throws Exception {
    var generator = saying("Grüße!", 3, StopReason.EOS);
    try (var fixture = new GatewayFixture(generator)) {
      Socket socket = fixture.connect();
      socket.send(CREATE.copy().put("model", "tiny").put("max_output_tokens", 50).put("seed", 9));
      List<JsonObject> events = socket.untilEnd();

      assertThat(events.stream().map(event -> event.getString("type")).toList()).containsExactly(
          "response.created", "response.in_progress", "response.output_item.added", "response.content_part.added",
          "response.output_text.delta", "response.output_text.delta", "response.output_text.delta",
          "response.output_text.done", "response.content_part.done", "response.output_item.done",
          "response.completed");
      assertThat(events.stream().map(event -> event.getInteger("sequence_number")).toList())
          .isEqualTo(IntStream.range(0, events.size()).boxed().toList());
      assertThat(events).noneMatch(event -> event.containsKey("stream_id"));
      JsonObject delta = events.get(4);
      assertThat(delta.fieldNames()).containsExactlyInAnyOrder(
          "type", "item_id", "output_index", "content_index", "delta", "logprobs", "sequence_number");
      assertThat(events.stream().map(event -> event.getString("delta", "")).collect(Collectors.joining()))
          .isEqualTo("Grüße!");
      assertThat(events.get(7).getString("text")).isEqualTo("Grüße!");
      JsonObject created = events.getFirst().getJsonObject("response");
      assertThat(created.getString("status")).isEqualTo("in_progress");
      assertThat(created.getString("model")).isEqualTo("tiny");
      assertThat(created.getInteger("max_output_tokens")).isEqualTo(50);
      JsonObject completed = events.getLast().getJsonObject("response");
      assertThat(completed.getString("id")).isEqualTo(created.getString("id"));
      assertThat(completed.getString("status")).isEqualTo("completed");
      assertThat(completed.getLong("seed")).isEqualTo(9);
      assertThat(completed.getJsonArray("output").getJsonObject(0).getJsonArray("content").getJsonObject(0)
          .getString("text")).isEqualTo("Grüße!");
      assertThat(completed.getJsonObject("usage").getInteger("output_tokens")).isEqualTo(8);
      assertThat(completed.getJsonObject("speculation").getInteger("rounds")).isEqualTo(3);
      assertThat(generator.runs.getFirst().spec.prompt()).isEqualTo(new ByteText().encode("user: hi\n"));
    }
  }

  @Test
  void shouldTakeMessagesAndInstructionsAsInput() throws Exception {
    var generator = saying("ok", 1, StopReason.EOS);
    try (var fixture = new GatewayFixture(generator)) {
      Socket socket = fixture.connect();
      var part = new JsonObject().put("type", "input_text").put("text", "there");
      socket.send(CREATE.copy().put("instructions", "be brief").put("input", JsonArray.of(
          new JsonObject().put("role", "user").put("content", "hi"),
          new JsonObject().put("type", "message").put("role", "user").put("content", JsonArray.of(part)))));
      socket.untilEnd();
      assertThat(generator.runs.getFirst().spec.prompt())
          .isEqualTo(new ByteText().encode("system: be brief\nuser: hi\nuser: there\n"));
    }
  }

  @Test
  void shouldEndAsIncompleteAtTheTokenLimit() throws Exception {
    try (var fixture = new GatewayFixture(saying("abc", 1, StopReason.LENGTH))) {
      Socket socket = fixture.connect();
      socket.send(CREATE);
      JsonObject last = socket.untilEnd().getLast();
      assertThat(last.getString("type")).isEqualTo("response.incomplete");
      assertThat(last.getJsonObject("response").getJsonObject("incomplete_details").getString("reason"))
          .isEqualTo("max_output_tokens");
    }
  }

  @Test
  void shouldMultiplexLanesOnOneSocket() throws Exception {
    var generator = new ScriptedSessions(64, request -> {
      String prompt = new ByteText().decode(request.prompt().slice(1, request.prompt().length()));
      return ScriptedSessions.says("answer to " + prompt.strip(), 2, StopReason.EOS);
    });
    try (var fixture = new GatewayFixture(generator)) {
      Socket socket = fixture.connect();
      Set<String> open = new HashSet<>();
      for (int i = 0; i < 8; i++) {
        socket.send(CREATE.copy().put("input", "question " + i).put("stream_id", "lane-" + i));
        open.add("lane-" + i);
      }
      while (!open.isEmpty()) {
        JsonObject event = socket.next();
        if (event.getString("type").equals("response.completed")) {
          String lane = event.getString("stream_id");
          assertThat(event.getJsonObject("response").getJsonArray("output").encode())
              .contains("answer to user: question " + lane.substring(5));
          assertThat(open.remove(lane)).isTrue();
        }
      }
      socket.send(CREATE.copy().put("stream_id", "lane-0"));
      assertThat(socket.untilEnd().getLast().getString("type")).isEqualTo("response.completed");
    }
  }

  @Test
  void shouldAnswerOneResponseAtATimeInALane() throws Exception {
    var generator = lingering();
    try (var fixture = new GatewayFixture(generator)) {
      Socket socket = fixture.connect();
      socket.send(CREATE);
      while (!socket.next().getString("type").equals("response.output_text.delta")) {
        assertThat(generator.runs).hasSizeLessThan(2);
      }
      socket.send(CREATE);
      JsonObject error = socket.next();
      assertThat(error.getString("type")).isEqualTo("error");
      assertThat(error.getInteger("status")).isEqualTo(409);
      socket.send(new JsonObject().put("type", "response.cancel"));
      JsonObject last = socket.untilEnd().getLast();
      assertThat(last.getString("type")).isEqualTo("response.incomplete");
      assertThat(last.getJsonObject("response").getJsonObject("incomplete_details").getString("reason"))
          .isEqualTo("cancelled");
      assertThat(last.getJsonObject("response").getJsonObject("usage").getInteger("output_tokens")).isEqualTo(5);
      generator.runs.getFirst().awaitCancelled();
    }
  }

  @Test
  void shouldFailAResponseOnceWhenItsGenerationBreaks() throws Exception {
    try (var fixture = new GatewayFixture(new ScriptedSessions(64, request -> new Script(
        ScriptedSessions.spelling("part", 2), Optional.of(new End.Fail("the draft worker left")))))) {
      Socket socket = fixture.connect();
      socket.send(CREATE.copy().put("instructions", "be brief").put("metadata", new JsonObject().put("mine", "yes")));
      JsonObject last = socket.untilEnd().getLast();
      assertThat(last.getString("type")).isEqualTo("response.failed");
      assertThat(last.getJsonObject("response").getJsonObject("error").getString("message"))
          .isEqualTo("the draft worker left");
      assertThat(last.getJsonObject("response").getJsonObject("usage").getInteger("output_tokens")).isEqualTo(4);
      assertThat(last.getJsonObject("response").getJsonArray("output").encode()).contains("\"part\"", "incomplete");
      assertThat(last.getJsonObject("response").getString("instructions")).isEqualTo("be brief");
      assertThat(last.getJsonObject("response").getJsonObject("metadata").getString("mine")).isEqualTo("yes");
      socket.send(new JsonObject().put("type", "response.cancel"));
      assertThat(socket.next().getJsonObject("error").getString("code")).isEqualTo("response_not_found");
    }
  }

  @Test
  void shouldAnswerWhatIsWrongWithAnErrorFrameAndStayOpen() throws Exception {
    try (var fixture = new GatewayFixture(saying("ok", 1, StopReason.EOS))) {
      Socket socket = fixture.connect();
      for (String bad : List.of(
          "{", "[]", "null", "7", "{\"type\":7}", "{\"type\":\"response.steer\"}", "{\"type\":\"response.create\"}",
          CREATE.copy().put("temperature", "hot").encode(), CREATE.copy().put("stream_id", 7).encode(),
          CREATE.copy().put("metadata", 7).encode(), CREATE.copy().put("input", 7).encode(),
          CREATE.copy().put("model", "other").encode(),
          CREATE.copy().put("previous_response_id", "resp_1").encode(), "[".repeat(5000))) {
        socket.send(bad);
        JsonObject error = socket.next();
        assertThat(error.getString("type")).as(bad).isEqualTo("error");
        assertThat(error.getInteger("status")).as(bad).isBetween(400, 404);
        assertThat(error.getJsonObject("error").fieldNames())
            .containsExactlyInAnyOrder("message", "type", "param", "code");
      }
      socket.send(CREATE);
      assertThat(socket.untilEnd().getLast().getString("type")).isEqualTo("response.completed");
    }
  }

  @Test
  void shouldNameTheUnsupportedPreviousResponse() throws Exception {
    try (var fixture = new GatewayFixture(saying("ok", 1, StopReason.EOS))) {
      Socket socket = fixture.connect();
      socket.send(CREATE.copy().put("previous_response_id", "resp_1").put("stream_id", "a"));
      JsonObject frame = socket.next();
      assertThat(frame.getString("stream_id")).isEqualTo("a");
      assertThat(frame.getJsonObject("error").getString("code")).isEqualTo("previous_response_not_found");
      assertThat(frame.getJsonObject("error").getString("param")).isEqualTo("previous_response_id");
    }
  }

  @Test
  void shouldCancelTheGenerationsOfAClientThatVanishes() throws Exception {
    var generator = lingering();
    try (var fixture = new GatewayFixture(generator)) {
      Socket socket = fixture.connect();
      socket.send(CREATE.copy().put("stream_id", "a"));
      socket.send(CREATE.copy().put("stream_id", "b"));
      GatewayFixture.eventually("both run", () -> generator.runs.size() == 2);
      GatewayFixture.await(socket.socket.close());
      generator.runs.get(0).awaitCancelled();
      generator.runs.get(1).awaitCancelled();
    }
  }

  @Test
  void shouldLetASlowReaderStopTheGenerationAndThenGiveItEveryToken() throws Exception {
    String text = "0123456789".repeat(8_000);
    var generator = new ScriptedSessions(200, request -> ScriptedSessions.says(text, 4, StopReason.LENGTH));
    try (var fixture = new GatewayFixture(generator)) {
      Socket socket = fixture.connect();
      socket.socket.pause();
      socket.send(CREATE.copy().put("speculation", true));
      GatewayFixture.eventually("the generation runs", () -> !generator.runs.isEmpty());
      ScriptedSessions.Run run = generator.runs.getFirst();
      GatewayFixture.eventually("the credit is used up", () -> run.sent() == run.acknowledged() + 200);
      assertThat(run.sent()).isLessThan(text.length());
      assertThat(socket.silent()).isTrue();

      socket.socket.resume();
      List<JsonObject> events = socket.untilEnd();

      assertThat(events.stream().map(event -> event.getString("delta", "")).collect(Collectors.joining()))
          .isEqualTo(text);
      assertThat(run.sent()).isEqualTo(text.length());
    }
  }

  @Test
  void shouldCloseWithTheCodesOfTheProtocol() throws Exception {
    try (var fixture = new GatewayFixture(saying("ok", 1, StopReason.EOS))) {
      var badText = Buffer.buffer(new byte[] {'{', (byte) 0xff, '}'});
      assertThat(closeCode(fixture, socket -> {
        socket.socket.writeFrame(WebSocketFrame.textFrame("{", false));
        socket.socket.writeFrame(WebSocketFrame.continuationFrame(badText, true));
      })).isEqualTo(1007);
      assertThat(closeCode(fixture, socket -> socket.socket.writeBinaryMessage(badText))).isEqualTo(1003);
      assertThat(closeCode(fixture, socket -> {
        socket.socket.writeFrame(WebSocketFrame.textFrame("x".repeat(40 << 10), false));
        socket.socket.writeFrame(WebSocketFrame.continuationFrame(Buffer.buffer("x".repeat(40 << 10)), true));
      })).isEqualTo(1009);
      assertThat(closeCode(fixture, socket -> socket.socket.writeFrame(
          WebSocketFrame.continuationFrame(Buffer.buffer("x"), true)))).isEqualTo(1002);
    }
  }

  private static int closeCode(GatewayFixture fixture, Consumer<Socket> act) throws Exception {
    Socket socket = fixture.connect();
    var closed = new CompletableFuture<Integer>();
    socket.socket.closeHandler(none -> closed.complete((int) socket.socket.closeStatusCode()));
    act.accept(socket);
    return closed.get(10, TimeUnit.SECONDS);
  }

  @Test
  void shouldSayInAnErrorFrameWhenToRetry() throws Exception {
    try (var fixture = new GatewayFixture(new ScriptedSessions(
        64, request -> new Script(List.of(), Optional.of(new End.Fail(FailureCode.OVERLOADED, "full")))))) {
      Socket socket = fixture.connect();
      socket.send(CREATE);
      JsonObject frame = socket.next();
      assertThat(frame.getString("type")).isEqualTo("error");
      assertThat(frame.getInteger("status")).isEqualTo(429);
      assertThat(frame.getJsonObject("headers").getString("retry-after")).isEqualTo("1");
    }
  }

  @Test
  void shouldKeepTheOrderOfMessagesOfAnySize() throws Exception {
    var generator = lingering();
    try (var fixture = new GatewayFixture(generator)) {
      Socket socket = fixture.connect();
      for (int i = 0; i < 20; i++) {
        socket.send(CREATE.copy().put("padding", "x".repeat(40 << 10)));
        socket.send(new JsonObject().put("type", "response.cancel"));
        assertThat(socket.untilEnd().getLast().getString("type")).isEqualTo("response.incomplete");
      }
    }
  }

  @Test
  void shouldStopReadingFromAClientThatDoesNotReadItsErrors() throws Exception {
    byte[] wrong = new byte[4 << 10];
    Arrays.fill(wrong, (byte) ' ');
    wrong[0] = '{';
    wrong[wrong.length - 1] = '}';
    var frames = ByteBuffer.allocate(64 * (wrong.length + 8));
    while (frames.remaining() >= wrong.length + 8) {
      frames.put(new byte[] {(byte) 0x81, (byte) (0x80 | 126), (byte) (wrong.length >> 8), (byte) wrong.length});
      frames.putInt(0).put(wrong);
    }
    try (var fixture = new GatewayFixture(saying("ok", 1, StopReason.EOS));
        var channel = SocketChannel.open(new InetSocketAddress("127.0.0.1", fixture.gateway.port()))) {
      shakeHands(channel.socket());
      channel.configureBlocking(false);
      long sent = 0;
      frames.flip();
      for (int stuck = 0; stuck < 300; stuck++) {
        int taken = channel.write(frames);
        if (taken > 0) {
          stuck = 0;
          sent += taken;
          assertThat(sent).as("bytes a client may send without reading").isLessThan(64 << 20);
        }
        if (!frames.hasRemaining()) {
          frames.rewind();
        }
        LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(taken > 0 ? 0 : 2));
      }
      var answers = ByteBuffer.allocate(64 << 10);
      GatewayFixture.eventually("it listens again to a client that reads", () -> {
        try {
          channel.read(answers.clear());
          return channel.write(frames) > 0;
        } catch (IOException e) {
          throw new UncheckedIOException(e);
        }
      });
    }
  }

  @Test
  void shouldWaitForAClientThatIsSlowToReadAsLongAsItsStreamDoes() throws Exception {
    String text = "0123456789".repeat(8_000);
    var generator = new ScriptedSessions(200, request -> ScriptedSessions.says(text, 4, StopReason.LENGTH));
    GatewayOptions options = GatewayFixture.OPTIONS.withPatience(
        Duration.ofSeconds(1), Duration.ofSeconds(60), Duration.ofMillis(500));
    try (var fixture = new GatewayFixture(
        options, () -> new ModelSource.State.Ready(GatewayFixture.MODEL), generator, OpenTelemetry.noop())) {
      Socket socket = fixture.connect();
      socket.socket.pause();
      socket.send(CREATE.copy().put("speculation", true));
      GatewayFixture.eventually("the generation runs", () -> !generator.runs.isEmpty());
      ScriptedSessions.Run run = generator.runs.getFirst();
      GatewayFixture.eventually("the credit is used up", () -> run.sent() == run.acknowledged() + 200);
      var pings = new CountDownLatch(5);
      fixture.vertx.setPeriodic(500, id -> pings.countDown());
      assertThat(pings.await(10, TimeUnit.SECONDS)).isTrue();
      socket.socket.resume();
      assertThat(socket.untilEnd().getLast().getString("type")).isEqualTo("response.incomplete");
    }
  }

  @Test
  void shouldCancelAResponseThatIsStillBeingEncoded() throws Exception {
    var generator = lingering();
    try (var fixture = new GatewayFixture(generator)) {
      Socket socket = fixture.connect();
      socket.send(CREATE.copy().put("input", "x".repeat(900)));
      socket.send(new JsonObject().put("type", "response.cancel"));
      assertThat(socket.untilEnd().getLast().getString("type")).isEqualTo("response.incomplete");
      generator.runs.getFirst().awaitCancelled();
    }
  }

  @Test
  void shouldAnswerFramesThatBreakTheProtocolAsTheRfcSays() throws Exception {
    byte[] json = "{}".getBytes(StandardCharsets.UTF_8);
    try (var fixture = new GatewayFixture(saying("ok", 1, StopReason.EOS))) {
      assertThat(answerTo(fixture, frame(0x88, 0x03, 0xe8))).as("1000").isEqualTo(1000);
      assertThat(answerTo(fixture, frame(0x88, 0x0b, 0xb8))).as("3000, an application's").isEqualTo(3000);
      assertThat(answerTo(fixture, frame(0x88))).as("no code").isEqualTo(1000);
      assertThat(answerTo(fixture, frame(0x88, 0x03))).as("half a code").isEqualTo(1002);
      assertThat(answerTo(fixture, frame(0x88, 0x03, 0xe7))).as("999").isEqualTo(1002);
      assertThat(answerTo(fixture, frame(0x88, 0x03, 0xed))).as("1005, never sent").isEqualTo(1002);
      assertThat(answerTo(fixture, frame(0x88, 0x03, 0xe8, 0xff))).as("reason not UTF-8").isEqualTo(1007);
      assertThat(answerTo(fixture, frame(0xc1, '{', '}'))).as("reserved bit").isEqualTo(1002);
      assertThat(answerTo(fixture, frame(0x83, '{', '}'))).as("reserved opcode").isEqualTo(1002);
      assertThat(answerTo(fixture, frame(0x09, 'x'))).as("fragmented ping").isEqualTo(1002);
      assertThat(answerTo(fixture, new byte[] {(byte) 0x81, 2, json[0], json[1]})).as("unmasked").isEqualTo(1002);
    }
  }

  /** A frame of a client, masked with zeros. */
  private static byte[] frame(int first, int... payload) {
    byte[] frame = new byte[6 + payload.length];
    frame[0] = (byte) first;
    frame[1] = (byte) (0x80 | payload.length);
    for (int i = 0; i < payload.length; i++) {
      frame[6 + i] = (byte) payload[i];
    }
    return frame;
  }

  /** The code of the close frame that answers a frame, after which the gateway closes. */
  private static int answerTo(GatewayFixture fixture, byte[] frame) throws IOException {
    try (var socket = handshaken(fixture)) {
      socket.getOutputStream().write(frame);
      byte[] answer = socket.getInputStream().readAllBytes();
      assertThat(answer[0] & 0xff).isEqualTo(0x88);
      return (answer[2] & 0xff) << 8 | answer[3] & 0xff;
    }
  }

  private static java.net.Socket handshaken(GatewayFixture fixture) throws IOException {
    var socket = new java.net.Socket("127.0.0.1", fixture.gateway.port());
    socket.setSoTimeout(10_000);
    shakeHands(socket);
    return socket;
  }

  private static void shakeHands(java.net.Socket socket) throws IOException {
    socket.getOutputStream().write(("GET /v1/responses HTTP/1.1\r\nHost: here\r\nUpgrade: websocket\r\n"
        + "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n")
        .getBytes(StandardCharsets.US_ASCII));
    var head = new StringBuilder();
    while (head.indexOf("\r\n\r\n") < 0) {
      head.append((char) socket.getInputStream().read());
    }
    assertThat(head).startsWith("HTTP/1.1 101");
  }

  @Test
  void shouldDropAClientThatDoesNotAnswerPings() throws Exception {
    var generator = lingering();
    GatewayOptions options = GatewayFixture.OPTIONS.withPatience(
        Duration.ofSeconds(1), Duration.ofSeconds(60), Duration.ofMillis(100));
    try (var fixture = new GatewayFixture(
        options, () -> new ModelSource.State.Ready(GatewayFixture.MODEL), generator, OpenTelemetry.noop());
        var mute = handshaken(fixture)) {
      assertThat(mute.getInputStream().readAllBytes()).startsWith(0x89, 0).contains(0x88);

      Socket lively = fixture.connect();
      lively.send(CREATE);
      while (!lively.next().getString("type").equals("response.output_text.delta")) {
        assertThat(lively.socket.isClosed()).isFalse();
      }
    }
  }

  @Test
  void shouldRefuseForeignPagesAndPlainRequests() throws Exception {
    try (var fixture = new GatewayFixture(saying("ok", 1, StopReason.EOS))) {
      assertThat(fixture.get("/v1/responses").statusCode()).isEqualTo(426);
      assertThatThrownBy(() -> fixture.connect(
          new WebSocketConnectOptions().addHeader("origin", "https://evil.example"))).hasMessageContaining("403");
      for (String origin : List.of("http://localhost:3000", fixture.gateway.url(), "http://[::1]:80")) {
        Socket socket = fixture.connect(new WebSocketConnectOptions().addHeader("origin", origin));
        socket.send(CREATE);
        assertThat(socket.untilEnd().getLast().getString("type")).isEqualTo("response.completed");
      }
    }
  }
}
