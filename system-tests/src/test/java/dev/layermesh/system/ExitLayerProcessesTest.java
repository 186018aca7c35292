package dev.layermesh.system;

import static org.assertj.core.api.Assertions.assertThat;

import dev.layermesh.mesh.membership.Role;
import dev.layermesh.system.ChildMesh.Front;
import dev.layermesh.system.ChildMesh.Worker;
import dev.layermesh.system.GatewayClient.Answer;
import dev.layermesh.testkit.Await;
import dev.layermesh.testkit.Fixtures;
import dev.layermesh.testkit.Fixtures.GoldenCase;
import dev.layermesh.testkit.Lossless;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.IntPredicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Every checkpoint split at three layers over three processes, against what Hugging Face transformers says. The gateway
 * runs on while the workers change, and serves the new workers' model.
 */
@Timeout(value = 2, unit = TimeUnit.MINUTES)
class ExitLayerProcessesTest {
  private static final List<Integer> WINDOWS = List.of(0, 1, 2, 4, 8);
  private static final Pattern LAYER = Pattern.compile("model\\.layers\\.(\\d+)\\..*");

  private static ChildMesh mesh;
  private static Front front;

  @BeforeAll
  static void start() {
    mesh = new ChildMesh(Map.of());
    front = mesh.gateway();
  }

  @AfterAll
  static void end() {
    front.client().close();
    mesh.close();
  }

  static Stream<Arguments> threeExitsOfEveryCheckpoint() {
    return Fixtures.checkpoints().stream().flatMap(folder -> {
      int numLayers = Fixtures.golden(folder).cases().getFirst().exitArgmax().size();
      return Stream.of(1, numLayers / 2, numLayers - 1).map(exit -> Arguments.of(folder, exit));
    });
  }

  /** A test that failed must not fail those after it. */
  @AfterEach
  void killWhatIsLeft() {
    for (Role role : Role.values()) {
      for (Worker worker : mesh.workers(role)) {
        worker.process().kill();
        mesh.awaitGone(worker);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("threeExitsOfEveryCheckpoint")
  void shouldSayWhatTransformersSaysThoughEachSideHasOnlyTheShardsOfItsLayers(
      Path folder, int exitLayer, @TempDir Path shards) throws IOException {
    Path draftFolder = shardsOf(folder, shards.resolve("draft"), layer -> layer < exitLayer);
    Path verifyFolder = shardsOf(folder, shards.resolve("verify"), layer -> layer >= exitLayer);
    String split = "--exit-layer=" + exitLayer;
    ChildProcess verifying = mesh.start("verify", split, "--prefix-cache=off", "--model", verifyFolder.toString());
    ChildProcess drafting = mesh.start("draft", split, "--prefix-cache=off", "--model", draftFolder.toString());
    Worker verify = mesh.joined(Role.VERIFY, verifying);
    Worker draft = mesh.joined(Role.DRAFT, drafting);
    Await.until("the gateway serves exit layer " + exitLayer, Duration.ofSeconds(60), () -> exitLayer == served());
    front.client().awaitReady();
    var runs = new ArrayList<Run>();
    for (GoldenCase each : Fixtures.golden(folder).cases()) {
      for (int window : WINDOWS) {
        runs.add(Run.start(each, window));
      }
    }
    runs.forEach(Run::check);
    mesh.end(draft, verify);
    front.client().awaitUnready();
  }

  /** The exit layer of the served model; 0 while there is none. */
  private static int served() {
    Matcher exit = Pattern.compile("\"exit_layer\":(\\d+)").matcher(front.client().get("/v1/models").body());
    return exit.find() ? Integer.parseInt(exit.group(1)) : 0;
  }

  private record Run(GoldenCase golden, int window, CompletableFuture<Answer> answer) {

    private static Run start(GoldenCase golden, int window) {
      return new Run(golden, window, front.client().completeAsync("/v1/completions",
          GatewayClient.request(golden.promptIds())
              .put("temperature", 0).put("ignore_eos", true)
              .put("max_tokens", golden.greedyIds().length()).put("window", window)));
    }

    private void check() {
      Answer got = answer.join();
      Lossless.assertSameTokens(golden.greedyIds(), got.ids());
      int rows = golden.promptIds().length() - 1 + got.speculation().required("rounds").asInt()
          + got.speculation().required("draft_tokens").asInt();
      assertThat(got.speculation().required("early_layer_rows").asInt()).as("early rows, window %d", window)
          .isEqualTo(rows);
      assertThat(got.speculation().required("late_layer_rows").asInt()).as("late rows, window %d", window)
          .isEqualTo(rows);
    }
  }

  @Test
  void shouldHaveTakenAShardFromASideAtTheOutermostExits(@TempDir Path shards) throws IOException {
    String middle = "model-00002-of-00003.safetensors";
    Path whole = Fixtures.tinyLlama3();
    assertThat(shardsOf(whole, shards.resolve("draft"), layer -> layer < 1).resolve(middle)).doesNotExist();
    assertThat(shardsOf(whole, shards.resolve("verify"), layer -> layer > 6).resolve(middle)).doesNotExist();
  }

  /** A copy of a checkpoint without the shards that hold only unwanted layers; itself if it is one file. */
  private static Path shardsOf(Path from, Path to, IntPredicate wanted) throws IOException {
    Path index = from.resolve("model.safetensors.index.json");
    if (Files.notExists(index)) {
      return from;
    }
    Set<String> kept = new HashSet<>();
    GatewayClient.JSON.readTree(index.toFile()).required("weight_map").properties().forEach(tensor -> {
      Matcher layer = LAYER.matcher(tensor.getKey());
      if (!layer.matches() || wanted.test(Integer.parseInt(layer.group(1)))) {
        kept.add(tensor.getValue().textValue());
      }
    });
    Files.createDirectory(to);
    try (Stream<Path> files = Files.list(from)) {
      for (Path file : files.toList()) {
        String name = file.getFileName().toString();
        if (!name.startsWith("model-") || kept.contains(name)) {
          Files.copy(file, to.resolve(name));
        }
      }
    }
    return to;
  }
}
