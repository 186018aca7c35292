package dev.layermesh.system;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.layermesh.decoding.SamplingParams;
import dev.layermesh.decoding.SessionSpec;
import dev.layermesh.decoding.TokenIds;
import dev.layermesh.decoding.WindowPolicy;
import dev.layermesh.draft.DraftWorker;
import dev.layermesh.engine.EngineOptions;
import dev.layermesh.engine.device.FakeProvider;
import dev.layermesh.mesh.membership.MeshOptions;
import dev.layermesh.mesh.transport.SessionLostException;
import dev.layermesh.testkit.Await;
import dev.layermesh.testkit.Fixtures;
import dev.layermesh.testkit.Lossless;
import dev.layermesh.verify.VerifyWorker;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A process whose device is lost leaves the mesh and exits with 1 and one line, and its streams go on elsewhere. */
@Timeout(value = 2, unit = TimeUnit.MINUTES)
class LostDeviceProcessTest {
  private static final EngineOptions ENGINE =
      EngineOptions.of(Fixtures.tinyLlama2()).withExitLayer(2).withBackend("scalar");
  private static final TokenIds PROMPT = Fixtures.golden(Fixtures.tinyLlama2()).cases().getFirst().promptIds();
  private static final SamplingParams SAMPLING = SamplingParams.sampled(0.8, 7);
  private static final int TOKENS = 80;
  private static final int CREDIT = 8;
  private static final Duration LEAVING = Duration.ofSeconds(15);
  private static final Pattern WORKER_READY = Pattern.compile("worker ready: ");
  private static final Pattern SERVING = Pattern.compile("Serving \\S+ at (http://[^ ]+?)/? ");

  @TempDir
  private Path folder;

  private String cluster;
  private ClusterNode workers;
  private ClusterNode front;
  private Gateway gateway;
  private SplitModel model;

  @BeforeEach
  void join() {
    cluster = "lost-" + UUID.randomUUID();
    MeshOptions options = MeshOptions.defaults().withCluster(cluster);
    workers = ClusterNode.join(options);
    front = ClusterNode.join(options);
    gateway = new Gateway(front);
    model = SplitModel.open(ENGINE);
  }

  @AfterEach
  void leave() {
    model.close();
    gateway.close();
    front.close();
    workers.close();
  }

  @Test
  void shouldLeaveTheMeshAndHandItsStreamsToAnotherVerifier() throws Exception {
    SessionSpec spec = spec();
    TokenIds expected = model.autoregressive(spec);
    try (DraftWorker draft = workers.draft(model.draft()); ChildProcess doomed = onDevice("verify")) {
      doomed.awaitOut(WORKER_READY);
      gateway.awaitWorkers(1, 1);
      Gateway.Stream stream = gateway.open(spec, CREDIT);
      stream.awaitTokens(CREDIT);
      try (VerifyWorker verify = workers.verify(model.verify())) {
        gateway.awaitWorkers(1, 2);
        loseDevice();
        stream.session().acknowledge(TOKENS);
        Lossless.assertSameTokens(expected, stream.finished().committed());
        Lossless.assertSameTokens(expected, stream.tokens());
        assertEndedInOneLine(doomed);
        gateway.awaitWorkers(1, 1);
        awaitNothingLeft(draft, verify);
      }
    }
  }

  @Test
  void shouldLeaveTheMeshAndLetItsStreamsResumeOnAnotherDrafter() throws Exception {
    SessionSpec spec = spec();
    TokenIds expected = model.autoregressive(spec);
    try (VerifyWorker verify = workers.verify(model.verify()); ChildProcess doomed = onDevice("draft")) {
      doomed.awaitOut(WORKER_READY);
      gateway.awaitWorkers(1, 1);
      Gateway.Stream stream = gateway.open(spec, CREDIT);
      stream.awaitTokens(CREDIT);
      try (DraftWorker draft = workers.draft(model.draft())) {
        gateway.awaitWorkers(2, 1);
        loseDevice();
        stream.session().acknowledge(TOKENS);
        assertThatThrownBy(stream::finished).hasCauseInstanceOf(SessionLostException.class);
        assertEndedInOneLine(doomed);
        gateway.awaitWorkers(1, 1);
        Gateway.Stream resumed = gateway.open(spec.resumedAfter(stream.tokens()), Gateway.UNLIMITED);
        Lossless.assertSameTokens(expected, resumed.finished().committed());
        awaitNothingLeft(draft, verify);
      }
    }
  }

  @Test
  void shouldEndAServerThatHoldsBothSides() throws Exception {
    try (ChildProcess doomed = onDevice("serve", "--port", "0");
        var client = new GatewayClient(doomed.awaitOut(SERVING).group(1))) {
      gateway.awaitWorkers(1, 1);
      loseDevice();
      var request = GatewayClient.request(PROMPT).put("max_tokens", 8).put("temperature", 0);
      assertThat(client.post("/v1/completions", request).statusCode()).isBetween(500, 599);
      assertEndedInOneLine(doomed);
      gateway.awaitWorkers(0, 0);
    }
  }

  private static void awaitNothingLeft(DraftWorker draft, VerifyWorker verify) {
    Await.until("no worker holds a session", LEAVING, () -> draft.sessions() + verify.sessions() == 0);
  }

  private SessionSpec spec() {
    return model.spec(PROMPT, TOKENS, SAMPLING, WindowPolicy.sequential(4));
  }

  /** Starts a command of the mesh on a device that {@link #loseDevice} takes from it. */
  private ChildProcess onDevice(String command, String... options) throws IOException, URISyntaxException {
    Path services = folder.resolve("services");
    FakeProvider.install(services);
    Path fake = Path.of(FakeProvider.class.getProtectionDomain().getCodeSource().getLocation().toURI());
    List<String> flags = List.of(
        "-cp", ChildProcess.classPath(List.of(fake, services)), "-D" + FakeProvider.LOSS + "=" + loss());
    var arguments = new ArrayList<>(List.of(
        command, "--cluster", cluster, "--device", "fake:0", "--exit-layer", "2",
        "--model", ENGINE.model().toString()));
    arguments.addAll(List.of(options));
    return ChildProcess.start(folder, Map.of(), flags, arguments);
  }

  private Path loss() {
    return folder.resolve("loss");
  }

  private void loseDevice() throws IOException {
    Files.createFile(loss());
  }

  private static void assertEndedInOneLine(ChildProcess process) {
    ChildProcess.Result result = process.result();
    assertThat(result.err()).as(process::described)
        .isEqualToIgnoringNewLines("layermesh: device fake:0 is lost: it fell off the bus");
    assertThat(result.status()).as(process::described).isEqualTo(1);
  }
}
