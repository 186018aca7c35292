package dev.layermesh.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.LinkedBlockingQueue;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A gateway whose answers end early or with an error. */
@Timeout(60)
class RemoteCompleterTest {
  private static final String PIECE = "data: {\"choices\":[{\"index\":0,\"text\":\"And\",\"token_ids\":[5]}]}\n\n";

  private static final String END =
      "data: {\"choices\":[{\"finish_reason\":\"stop\"}],\"speculation\":{\"rounds\":1}}\n\ndata: [DONE]\n\n";

  private HttpServer gateway;
  private String url;

  @BeforeEach
  void start() throws IOException {
    gateway = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    gateway.start();
    url = "http://127.0.0.1:" + gateway.getAddress().getPort();
  }

  @AfterEach
  void stop() {
    gateway.stop(0);
  }

  private void answer(String path, int status, String body) {
    gateway.createContext(path, exchange -> {
      byte[] bytes = body.getBytes(StandardCharsets.UTF_8);
      exchange.sendResponseHeaders(status, bytes.length);
      exchange.getResponseBody().write(bytes);
      exchange.close();
    });
  }

  private Cli.Result generate() {
    return Cli.run("generate", "--prompt", "x", "--connect", url);
  }

  @Test
  void shouldNotTakeAnEarlyEndForAShortAnswer() {
    answer("/v1/models", 200, "{\"data\":[{\"context_length\":1024}]}");
    answer("/v1/completions", 200, PIECE);

    assertThat(generate()).isEqualTo(new Cli.Result(1, "And\n", "layermesh: " + url + " ended the answer early\n"));
  }

  @Test
  void shouldPassAnErrorOnThatCameAfterText() {
    answer("/v1/models", 200, "{\"data\":[{\"context_length\":1024}]}");
    answer("/v1/completions", 200,
        ": ping\n\n" + PIECE + "event: error\ndata: {\"error\":{\"message\":\"no worker is left\"}}\n\n");

    assertThat(generate()).isEqualTo(new Cli.Result(1, "And\n", "layermesh: " + url + ": no worker is left\n"));
  }

  @Test
  void shouldTellABusyGatewayFromAWrongRequest() {
    answer("/v1/models", 200, "{\"data\":[{\"context_length\":1024}]}");
    answer("/v1/completions", 429, "{\"error\":{\"message\":\"too many generations\"}}");

    assertThat(generate()).isEqualTo(new Cli.Result(1, "", "layermesh: " + url + ": 429: too many generations\n"));
  }

  @Test
  void shouldKeepAConversationThatABusyGatewayDoesNotAnswer() {
    answer("/v1/models", 200, "{\"data\":[{\"context_length\":1024}]}");
    var questions = new LinkedBlockingQueue<String>();
    gateway.createContext("/v1/chat/completions", exchange -> {
      questions.add(new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8));
      boolean busy = questions.size() == 2;
      byte[] body = (busy ? "{\"error\":{\"message\":\"no draft worker\"}}" : PIECE + END).getBytes(
          StandardCharsets.UTF_8);
      exchange.sendResponseHeaders(busy ? 503 : 200, body.length);
      exchange.getResponseBody().write(body);
      exchange.close();
    });

    assertThat(Cli.runWithInput("One\nTwo\nThree\n", "chat", "--connect", url)).isEqualTo(
        new Cli.Result(0, "And\nAnd\n", "(not answered, ask again: " + url + ": 503: no draft worker)\n"));
    assertThat(questions).last().asString().contains("One", "And", "Three").doesNotContain("Two");
  }

  @Test
  void shouldSayWhatIsNoGateway() {
    answer("/v1/models", 200, "<html>");

    assertThat(generate()).isEqualTo(
        new Cli.Result(1, "", "layermesh: " + url + " is no LayerMesh gateway: /v1/models is not JSON\n"));
  }

  @Test
  void shouldSayThatNothingIsServed() {
    answer("/v1/models", 200, "{\"data\":[]}");

    assertThat(generate()).isEqualTo(new Cli.Result(1, "", "layermesh: " + url + " serves no model now\n"));
  }
}
