package dev.layermesh.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import dev.layermesh.decoding.SessionSpec;
import dev.layermesh.decoding.StopReason;
import dev.layermesh.decoding.TokenIds;
import dev.layermesh.decoding.loop.DecodeStats;
import dev.layermesh.decoding.loop.Outcome;
import dev.layermesh.decoding.loop.Round;
import dev.layermesh.decoding.loop.SessionHost;
import dev.layermesh.decoding.loop.TokenSink;
import dev.layermesh.mesh.membership.Lease;
import dev.layermesh.mesh.membership.MeshNode;
import dev.layermesh.mesh.membership.MeshOptions;
import dev.layermesh.mesh.membership.PortRange;
import dev.layermesh.mesh.membership.Role;
import dev.layermesh.mesh.membership.WorkerAd;
import dev.layermesh.mesh.membership.WorkerRegistry;
import dev.layermesh.mesh.telemetry.Telemetry;
import dev.layermesh.mesh.transport.EventBusFrameBus;
import dev.layermesh.mesh.transport.SessionEndpoint;
import dev.layermesh.mesh.transport.SessionSpans;
import dev.layermesh.mesh.transport.TransportNode;
import dev.layermesh.mesh.worker.WorkerPresence;
import dev.layermesh.tokenizer.TokenizerFiles;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The whole gateway in a mesh of real nodes, with draft workers that count instead of computing. */
@Tag("slow")
@Timeout(120)
class MeshGatewayTest {
  private static final Path BUNDLED =
      Path.of(System.getProperty("layermesh.root"), "models", "layerskip-shakespeare");
  private static final int HANGS_AT = 20;

  private final MeshOptions mesh = MeshOptions.defaults()
      .withCluster("gateway-" + UUID.randomUUID())
      .withPorts(freePorts())
      .withLease(new Lease(Duration.ofMillis(200), Duration.ofSeconds(3)));
  private final CountDownLatch hanging = new CountDownLatch(1);

  private static PortRange freePorts() {
    try (ServerSocket probe = new ServerSocket(0)) {
      int first = Math.min(probe.getLocalPort(), 65_000);
      return new PortRange(first, first + 7);
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  /** A node with one worker. */
  private record WorkerNode(
      MeshNode node, WorkerRegistry registry, SessionEndpoint endpoint, WorkerPresence presence)
      implements AutoCloseable {

    static WorkerNode start(MeshOptions mesh, Role role, SessionHost sessions) {
      MeshNode node = MeshNode.join(mesh);
      WorkerRegistry registry = WorkerRegistry.open(node);
      var ad = new WorkerAd(
          WorkerAd.newId(role), role, "shakespeare", "f00d", "counting", 3, 4, 8, 192, 2048, 1024, false, 0, false);
      var transport = new TransportNode(new EventBusFrameBus(node.vertx()), ad.id(), registry);
      var endpoint =
          new SessionEndpoint(transport, sessions, 8, new SessionSpans(Telemetry.none().tracer(), "session"));
      endpoint.ready().toCompletableFuture().join();
      var presence = WorkerPresence.open(
          node, registry, ad, Map.of(), TokenizerFiles.read(BUNDLED).content(), endpoint::sessions);
      return new WorkerNode(node, registry, endpoint, presence);
    }

    @Override
    public void close() {
      presence.close();
      endpoint.close();
      registry.close();
      node.close();
    }
  }

  /** Commits {@code 10, 11, 12 …}; the first epoch hangs half-way. */
  private final class Counting implements SessionHost {
    @Override
    public Session open(SessionSpec spec, TokenSink sink) {
      var outcome = new CompletableFuture<Outcome>();
      Thread loop = Thread.ofVirtual().start(() -> count(spec, sink, outcome));
      return new Session() {
        @Override
        public CompletionStage<Outcome> outcome() {
          return outcome;
        }

        @Override
        public void cancel() {
          loop.interrupt();
        }
      };
    }

    private void count(SessionSpec spec, TokenSink sink, CompletableFuture<Outcome> outcome) {
      TokenIds all = TokenIds.of(IntStream.range(0, spec.stops().maxTokens()).map(i -> 10 + i).toArray());
      var stats = DecodeStats.NONE;
      try {
        for (int i = spec.committed().length(); i < all.length(); i++) {
          if (i == HANGS_AT && spec.key().epoch() == 0 && all.length() > HANGS_AT) {
            hanging.countDown();
            new CountDownLatch(1).await();
          }
          sink.round(new Round(i, all.slice(i, i + 1), TokenIds.empty(), 0));
          stats = stats.plus(new DecodeStats(1, 0, 0, 1, 1));
        }
        outcome.complete(new Outcome(StopReason.LENGTH, all, stats));
      } catch (InterruptedException e) {
        outcome.complete(new Outcome(StopReason.CANCELLED, spec.committed(), stats));
      }
    }
  }

  @Test
  void shouldServeTheWorkersModelAndOutliveOneOfThem(@TempDir Path cache) throws Exception {
    MeshNode node = MeshNode.join(mesh);
    var options = GatewayOptions.DEFAULT.withAddress("127.0.0.1", 0);
    try (node;
        WorkerRegistry registry = WorkerRegistry.open(node);
        MeshGateway gateway = MeshGateway.start(node, registry, options, cache, Telemetry.none());
        HttpClient http = HttpClient.newHttpClient()) {
      assertThat(get(http, gateway, "/health/ready").statusCode()).isEqualTo(503);
      WorkerNode first = WorkerNode.start(mesh, Role.DRAFT, new Counting());
      try (var verifier = WorkerNode.start(mesh, Role.VERIFY, new Counting())) {
        GatewayFixture.eventually("the gateway is ready", gateway::ready);
        assertThat(get(http, gateway, "/v1/models").body()).contains("shakespeare");
        JsonObject brief = new JsonObject(complete(http, gateway, 5).get(20, TimeUnit.SECONDS).body());
        assertThat(choice(brief).getJsonArray("token_ids")).isEqualTo(JsonArray.of(10, 11, 12, 13, 14));
        assertThat(choice(brief).getString("text")).isNotEmpty();

        CompletableFuture<HttpResponse<String>> interrupted = complete(http, gateway, 50);
        assertThat(hanging.await(20, TimeUnit.SECONDS)).isTrue();
        try (var second = WorkerNode.start(mesh, Role.DRAFT, new Counting())) {
          GatewayFixture.eventually("the second is known", () -> registry.live(Role.DRAFT).size() == 2);
          first.close();
          JsonObject answer = new JsonObject(interrupted.get(30, TimeUnit.SECONDS).body());
          assertThat(choice(answer).getJsonArray("token_ids"))
              .isEqualTo(new JsonArray(IntStream.range(10, 60).boxed().toList()));
          assertThat(choice(answer).getString("finish_reason")).isEqualTo("length");
          assertThat(second.endpoint().sessions()).isLessThanOrEqualTo(1);
        }
        assertThat(verifier.registry().live(Role.VERIFY)).hasSize(1);
      }
      GatewayFixture.eventually("no worker is left", () -> !gateway.ready());
      HttpResponse<String> refused = complete(http, gateway, 5).get(20, TimeUnit.SECONDS);
      assertThat(refused.statusCode()).isEqualTo(503);
    }
  }

  private static JsonObject choice(JsonObject answer) {
    return answer.getJsonArray("choices").getJsonObject(0);
  }

  private static HttpResponse<String> get(HttpClient http, MeshGateway gateway, String path) throws Exception {
    return http.send(
        HttpRequest.newBuilder(URI.create(gateway.url() + path)).build(), HttpResponse.BodyHandlers.ofString());
  }

  private static CompletableFuture<HttpResponse<String>> complete(HttpClient http, MeshGateway gateway, int tokens) {
    JsonObject body = new JsonObject()
        .put("prompt", "To be").put("max_tokens", tokens).put("return_token_ids", true).put("seed", 1);
    return http.sendAsync(
        HttpRequest.newBuilder(URI.create(gateway.url() + "/v1/completions"))
            .POST(HttpRequest.BodyPublishers.ofString(body.encode())).build(),
        HttpResponse.BodyHandlers.ofString());
  }
}
