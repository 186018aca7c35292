package dev.layermesh.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.IntUnaryOperator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Many prompts through a gateway that does not always answer. */
@Timeout(60)
class GatewayPromptsTest {
  private static final String ANSWER = """
      data: {"choices":[{"index":0,"text":"And","token_ids":[5]}]}

      data: {"choices":[{"finish_reason":"stop"}],"speculation":{"rounds":1}}

      data: [DONE]

      """;

  @TempDir
  private Path folder;
  private Path results;
  private HttpServer gateway;
  private String[] command;

  @BeforeEach
  void start() throws IOException {
    gateway = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    gateway.start();
    answer("/v1/models", _ -> 200, "{\"data\":[{\"context_length\":1024,\"fingerprint\":\"f00d\",\"exit_layer\":3}]}");
    results = folder.resolve("results.jsonl");
    Path prompts = Files.writeString(folder.resolve("prompts.jsonl"), "{\"prompt\": \"x\"}\n".repeat(4));
    command = new String[] {"generate", "--prompts", prompts.toString(), "--out", results.toString(), "--parallel", "1",
        "--connect", "http://127.0.0.1:" + gateway.getAddress().getPort()};
  }

  @AfterEach
  void stop() {
    gateway.stop(0);
  }

  /** Answers with a status that depends on the number of earlier requests. */
  private void answer(String path, IntUnaryOperator status, String body) {
    var asked = new AtomicInteger();
    gateway.createContext(path, exchange -> {
      int code = status.applyAsInt(asked.getAndIncrement());
      byte[] bytes = (code == 200 ? body : "{\"error\":{\"message\":\"no\"}}").getBytes(StandardCharsets.UTF_8);
      exchange.sendResponseHeaders(code, bytes.length);
      exchange.getResponseBody().write(bytes);
      exchange.close();
    });
  }

  @Test
  void shouldAskABusyGatewayAgain() throws IOException {
    answer("/v1/completions", number -> number == 1 ? 429 : 200, ANSWER);
    var result = Cli.run(command);

    assertThat(result.err()).isEmpty();
    assertThat(result.out()).startsWith("4 prompts, 4 tokens, ").contains(": 0 failed, 0 skipped; ");
    assertThat(Files.readString(results)).hasLineCount(4)
        .contains("\"settings\":{\"model\":\"f00d\",\"exit_layer\":3,");
  }

  @Test
  void shouldWriteALineForWhatAGatewayRefuses() throws IOException {
    answer("/v1/completions", number -> number == 1 ? 400 : 200, ANSWER);
    var result = Cli.run(command);

    assertThat(result.out()).startsWith("3 prompts, 3 tokens, ").contains(": 1 failed, 0 skipped; ");
    assertThat(result.status()).isEqualTo(1);
    assertThat(Files.readString(results)).hasLineCount(4)
        .containsPattern("\\{\"line\":2,\"error\":\"http://\\S+: no\"");
  }

  @Test
  void shouldEndARunThatBreaksAndContinueItLater() throws IOException {
    answer("/v1/completions", number -> number == 2 ? 500 : 200, ANSWER);
    var broken = Cli.run(command);

    assertThat(broken.err()).endsWith(": 500: no\n").hasLineCount(1);
    assertThat(broken.status()).isEqualTo(1);
    assertThat(Files.readString(results)).hasLineCount(2).doesNotContain("error");
    assertThat(Cli.run(command).out()).startsWith("2 prompts (and 2 before), ");
  }
}
