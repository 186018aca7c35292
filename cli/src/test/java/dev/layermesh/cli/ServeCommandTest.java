package dev.layermesh.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.util.Arrays;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(120)
class ServeCommandTest {
  private static final JsonMapper JSON = JsonMapper.builder().build();
  private static Running serve;
  private static String address;

  @BeforeAll
  static void start() throws InterruptedException {
    serve = new Running("serve", "--port", "0");
    address = serve.awaitOut("at http://(\\S+) \\(page").group(1);
  }

  @AfterAll
  static void end() {
    var result = serve.end();

    assertThat(result.status()).isZero();
    assertThat(result.err()).isEmpty();
  }

  @Test
  void shouldSayWhatToTry() throws InterruptedException {
    serve.awaitOut("curl -N http://" + address + "/v1/completions ");
    serve.awaitOut("bin/layermesh chat --connect ws://" + address);
  }

  @ParameterizedTest
  @ValueSource(strings = {"http", "ws"})
  void shouldGiveTheTokensOfTheCommandLine(String scheme) throws IOException {
    String[] options = {"generate", "--prompt-ids", "862,29", "--max-tokens", "24", "--temperature", "0.8",
        "--seed", "5", "--json"};
    JsonNode here = JSON.readTree(Cli.run(options).out());
    String[] remote = Arrays.copyOf(options, options.length + 2);
    remote[options.length] = "--connect";
    remote[options.length + 1] = scheme + "://" + address;
    var result = Cli.run(remote);

    assertThat(result.err()).isEmpty();
    JsonNode there = JSON.readTree(result.out());
    for (String field : new String[] {"prompt_ids", "token_ids", "text", "finish_reason", "seed", "rounds",
        "draft_tokens", "accepted_tokens", "acceptance_rate", "early_layer_rows", "late_layer_rows"}) {
      assertThat(there.path(field)).as(field).isEqualTo(here.path(field));
    }
    assertThat(there.path("tokens_per_second").asDouble()).isPositive();
  }

  @Test
  void shouldStreamInColoursThroughAGateway() {
    var there = Cli.run(
        "generate", "--prompt", "ROMEO:", "--max-tokens", "12", "--connect", "http://" + address, "--color");
    var here = Cli.run("generate", "--prompt", "ROMEO:", "--max-tokens", "12");

    assertThat(there.out()).contains("\u001b[32m");
    assertThat(there.out().replaceAll("\u001b\\[[0-9?]*[A-Za-z]", "")).isEqualTo(here.out());
  }

  @ParameterizedTest
  @ValueSource(strings = {"http", "ws"})
  void shouldChatThroughAGateway(String scheme) {
    var there =
        Cli.runWithInput("Speak.\nMore.\n", "chat", "--max-tokens", "10", "--connect", scheme + "://" + address + "/");
    var here = Cli.runWithInput("Speak.\nMore.\n", "chat", "--max-tokens", "10");

    assertThat(there).isEqualTo(here);
  }

  @ParameterizedTest
  @ValueSource(strings = {"http", "ws"})
  void shouldForgetTheOldestWhenTheGatewayFindsTheContextFull(String scheme) {
    String question = "O ".repeat(450).strip();
    var result = Cli.runWithInput(
        (question + "\n").repeat(3), "chat", "--max-tokens", "8", "--connect", scheme + "://" + address);

    assertThat(result.status()).isZero();
    assertThat(result.err()).contains("the oldest messages were forgotten");
  }

  @ParameterizedTest
  @ValueSource(strings = {"http", "ws"})
  void shouldPassAGatewaysRefusalOn(String scheme) {
    var result = Cli.run("generate", "--prompt-ids", "2048", "--connect", scheme + "://" + address);

    assertThat(result.err())
        .startsWith("layermesh: " + scheme + "://" + address + ": ").contains("2048").hasLineCount(1);
    assertThat(result.status()).isEqualTo(2);
  }

  @Test
  void shouldRefuseAPortInUseBeforeItLoadsAnything() throws IOException {
    try (var taken = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      var result = Cli.run("serve", "--port", String.valueOf(taken.getLocalPort()));

      assertThat(result.err()).startsWith("layermesh: port=" + taken.getLocalPort() + ": ").hasLineCount(1);
      assertThat(result.status()).isEqualTo(2);
      assertThat(result.out()).isEmpty();
    }
  }

  @Test
  void shouldRefuseAWrongModelBeforeItStarts() {
    var result = Cli.run("serve", "--port", "0", "--exit-layer", "8");

    assertThat(result).isEqualTo(new Cli.Result(2, "", "layermesh: exit_layer=8: must be between 1 and 7\n"));
  }
}
