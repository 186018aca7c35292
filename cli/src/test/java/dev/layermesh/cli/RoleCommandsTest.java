package dev.layermesh.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@Timeout(180)
class RoleCommandsTest {
  private final String cluster = "--cluster=test-" + UUID.randomUUID();

  @Test
  void shouldFindEachOtherServeAndRefuseAnotherSplit() throws InterruptedException {
    try (var verify = new Running("verify", cluster, "--max-sessions", "8");
        var draft = new Running("draft", cluster, "--window", "1");
        var gateway = new Running("gateway", cluster, "--port", "0")) {
      verify.awaitOut("verify worker ready: layerskip-shakespeare \\w+, layers 3..7 of 8");
      draft.awaitOut("draft worker ready: layerskip-shakespeare \\w+, layers 0..2 of 8");
      String url = gateway.awaitOut("gateway ready: (http://\\S+), cluster ").group(1);

      var stranger = Cli.run("draft", cluster, "--exit-layer", "4");
      assertThat(stranger.err()).startsWith("layermesh: exit_layer=4: ").contains("3").hasLineCount(1);
      assertThat(stranger.status()).isEqualTo(2);

      assertThat(Gateways.answer(url)).isEqualTo(Cli.run("generate", "--prompt", "ROMEO:", "--max-tokens", "12").out());

      String drafted = Cli.run(
          "generate", "--prompt", "ROMEO:", "--max-tokens", "12", "--json", "--connect", url).out();
      assertThat(drafted).containsPattern("\"rounds\":([6-9]|1[0-2]),"); // two tokens in a round at most

      assertThat(gateway.end().status()).isZero();
      assertThat(draft.end().status()).isZero();
      assertThat(verify.end().status()).isZero();
    }
  }

  @Test
  void shouldHoldAllLayersWhereAsked() throws InterruptedException {
    try (var verify = new Running("verify", cluster, "--full")) {
      verify.awaitOut("layers 0..7 of 8");
    }
  }

  @Test
  void shouldEndWithItsSupervisor() throws Exception {
    Process supervisor = new ProcessBuilder("cat").start();
    String pid = String.valueOf(supervisor.pid());
    try (var gateway = new Running("gateway", cluster, "--port", "0", "--supervisor", pid)) {
      gateway.awaitOut("gateway ready");
      supervisor.destroy();
      assertThat(gateway.result().status()).isZero();
    } finally {
      supervisor.destroyForcibly();
    }
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', value = {
      "draft --max-sessions 0|--max-sessions=0: must be 1 or more",
      "draft --window 65|window=65: must be between 0 and 64",
      "draft --cluster a/b|--cluster=a/b: ",
      "draft --peers h:x|--peers=h:x: ",
      "draft --bind 203.0.113.1|--bind=203.0.113.1: ",
      "draft --model nowhere|nowhere",
      "verify --exit-layer 0|exit_layer=0: must be between 1 and 7",
      "verify --device cuda:0|device=cuda:0: ",
      "gateway --port 65536|port=65536: ",
      "gateway --model x|--model: unknown option",
      "mesh --drafts 0|--drafts=0: must be 1 or more",
      "mesh --verifies 16|--drafts=1: must be at most 16",
      "mesh --exit-layer 9|exit_layer=9: "})
  void shouldNameWhatIsWrongInOneLine(String arguments, String expected) {
    var result = Cli.run(arguments.split(" "));

    assertThat(result.err()).startsWith("layermesh: ").contains(expected).hasLineCount(1);
    assertThat(result.status()).isEqualTo(2);
    assertThat(result.out()).isEmpty();
  }
}
