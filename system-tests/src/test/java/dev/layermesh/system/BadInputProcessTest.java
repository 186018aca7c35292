package dev.layermesh.system;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.layermesh.mesh.membership.Role;
import dev.layermesh.testkit.Fixtures;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A process with wrong input says so in one line, exits with 2 and leaves no worker in the mesh. */
@Timeout(value = 2, unit = TimeUnit.MINUTES)
class BadInputProcessTest {
  private static ChildMesh mesh;
  private static ChildMesh.Worker worker;

  @TempDir
  private Path folder;

  @BeforeAll
  static void start() {
    mesh = new ChildMesh(Map.of());
    worker = mesh.worker(Role.VERIFY, "--model", Fixtures.tinyLlama2().toString(), "--exit-layer", "2");
  }

  @AfterAll
  static void end() {
    try (ChildMesh closing = mesh) {
      closing.end(worker);
    }
  }

  /** In the mesh of the worker, so that a half-started process would be visible. */
  private void assertRefused(String expected, String command, String... options) {
    ChildProcess.Result result = mesh.start(command, options).result();
    assertThat(result.err()).startsWith("layermesh: ").contains(expected).hasLineCount(1);
    assertThat(result.status()).as(result.err()).isEqualTo(2);
    assertThat(result.out()).isEmpty();
    assertThat(mesh.ids()).as("workers of the mesh").containsExactly(worker.id());
  }

  private Path damaged(Damage damage) throws IOException {
    try (Stream<Path> files = Files.list(Fixtures.tinyLlama2())) {
      for (Path file : files.toList()) {
        Files.copy(file, folder.resolve(file.getFileName()));
      }
    }
    damage.in(folder);
    return folder;
  }

  private interface Damage {
    void in(Path folder) throws IOException;
  }

  @Test
  void shouldRefuseASafetensorsFileThatIsCutShort() throws IOException {
    Path model = damaged(copy -> {
      try (var file = new RandomAccessFile(copy.resolve("model.safetensors").toFile(), "rw")) {
        file.setLength(file.length() - 1000);
      }
    });
    assertRefused(model.resolve("model.safetensors") + ": ", "draft", "--exit-layer", "2", "--model", model.toString());
  }

  @Test
  void shouldRefuseAModelThatIsNotLlama() throws IOException {
    Path model = damaged(copy -> {
      Path config = copy.resolve("config.json");
      ObjectNode json = (ObjectNode) GatewayClient.JSON.readTree(config.toFile());
      json.put("model_type", "gpt2").putArray("architectures").add("GPT2LMHeadModel");
      Files.writeString(config, json.toString());
    });
    assertRefused("config.json: ", "draft", "--exit-layer", "2", "--model", model.toString());
  }

  @Test
  void shouldRefuseATokenizerThatKnowsMoreTokensThanTheModel() throws IOException {
    Path other = Fixtures.bundledModel().resolve("tokenizer.json");
    Path model = damaged(copy -> Files.write(copy.resolve("tokenizer.json"), Files.readAllBytes(other)));
    assertRefused("tokenizer.json: highest id=2047: ", "draft", "--exit-layer", "2", "--model", model.toString());
  }

  @Test
  void shouldRefuseALayerThatTheModelHasNot() {
    assertRefused("exit_layer=6: ", "draft", "--exit-layer", "6", "--model", Fixtures.tinyLlama2().toString());
  }

  @Test
  void shouldRefuseADeviceThatIsNotThere() {
    assertRefused("device=cuda:0: ", "draft", "--exit-layer", "2", "--device", "cuda:0", "--model",
        Fixtures.tinyLlama2().toString());
  }

  @Test
  void shouldRefuseAPortInUse() throws IOException {
    try (var taken = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      assertRefused("port=" + taken.getLocalPort() + ": ", "gateway", "--port", String.valueOf(taken.getLocalPort()));
    }
  }

  @Test
  void shouldRefuseAWorkerThatSplitsElsewhereAndNameBothLayers() {
    assertRefused("exit_layer=3: this mesh serves 2", "draft", "--exit-layer", "3", "--model",
        Fixtures.tinyLlama2().toString());
  }

  @Test
  void shouldRefuseAWorkerOfAnotherModelAndNameBothFingerprints() {
    String served = worker.process().stdout().replaceFirst("(?s).*worker ready: \\S+ (\\w+),.*", "$1");
    assertRefused(": this mesh serves " + served, "draft", "--exit-layer", "2", "--model",
        Fixtures.tinyLlama3().toString());
  }
}
