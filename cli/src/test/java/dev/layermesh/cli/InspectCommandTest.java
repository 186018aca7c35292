package dev.layermesh.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class InspectCommandTest {

  @Test
  void shouldSayWhatACheckpointHoldsAndWhatASplitGivesEachSide() throws IOException {
    var result = Cli.run("inspect", "--json", "--exit-layer", "5");

    assertThat(result.status()).isZero();
    JsonNode json = JsonMapper.builder().build().readTree(result.out());
    assertThat(json.path("model").asText()).isEqualTo("layerskip-shakespeare");
    assertThat(json.path("fingerprint").asText()).matches("[0-9a-f]{16}");
    assertThat(json.path("config").path("num_hidden_layers").asInt()).isEqualTo(8);
    assertThat(json.path("layer_bytes")).hasSize(8);
    assertThat(json.path("bytes_by_dtype").path("BF16").asLong()).isEqualTo(json.path("total_bytes").asLong());
    assertThat(json.path("chat_template").asBoolean()).isTrue();
    assertThat(json.path("split").path("exit_layer").asInt()).isEqualTo(5);
    long layer = json.path("layer_bytes").path(0).asLong();
    long apart = json.path("split").path("draft_bytes").asLong() - json.path("split").path("verify_bytes").asLong();
    assertThat(apart).isEqualTo(2 * layer); // five layers against three; both hold norm and tied head
  }

  @Test
  void shouldPrintATableForPeople() {
    var result = Cli.run("inspect");

    assertThat(result.out()).contains("exit layer     3, the checkpoint's own").contains("draft side     layers 0..2")
        .contains("verify side    layers 3..7").contains("chat template  yes");
  }

  @Test
  void shouldNameFileFieldAndValueOfABadInput() {
    assertThat(Cli.run("inspect", "--exit-layer", "0").err())
        .isEqualTo("layermesh: exit_layer=0: must be between 1 and 7\n");
    assertThat(Cli.run("inspect", "--model", "nowhere").err()).startsWith("layermesh: nowhere").hasLineCount(1);
    assertThat(Cli.run("inspect", "--model", "nowhere").status()).isEqualTo(2);
  }
}
