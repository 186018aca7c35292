package dev.layermesh.mesh.files;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.layermesh.mesh.membership.MeshNode;
import dev.layermesh.mesh.membership.MeshOptions;
import dev.layermesh.mesh.membership.TestMeshes;
import io.vertx.core.Handler;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.eventbus.DeliveryContext;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class ModelFilesTest {
  private static final Duration TIMEOUT = Duration.ofMillis(300);
  private static MeshNode worker;
  private static MeshNode gateway;

  @BeforeAll
  static void join() {
    MeshOptions options = TestMeshes.options();
    worker = MeshNode.join(options);
    gateway = MeshNode.join(options);
  }

  @AfterAll
  static void leave() {
    gateway.close();
    worker.close();
  }

  @Test
  void shouldFetchFilesOfSeveralChunksThoughChunksAreLost() throws IOException {
    byte[] tokenizer = new byte[700_000];
    new Random(1).nextBytes(tokenizer);
    Map<String, byte[]> files = Map.of(
        "tokenizer.json", tokenizer, "config.json", "{\"a\":1}".getBytes(), "empty.txt", new byte[0]);
    AtomicInteger chunks = new AtomicInteger();
    AtomicInteger lost = new AtomicInteger();
    Handler<DeliveryContext<Object>> loseTwo = delivery -> {
      boolean isChunk = delivery.body() instanceof Buffer;
      if (isChunk) {
        assertThat(((Buffer) delivery.body()).length()).isLessThanOrEqualTo(256 * 1024);
      }
      if (isChunk && chunks.incrementAndGet() % 2 == 0 && lost.get() < 2) {
        lost.incrementAndGet();
      } else {
        delivery.next();
      }
    };
    worker.vertx().eventBus().addOutboundInterceptor(loseTwo);
    try (ModelFilesEndpoint endpoint = ModelFilesEndpoint.open(worker.vertx(), "w1", files)) {
      assertThat(endpoint).isNotNull();
      Map<String, byte[]> fetched = new ModelFilesClient(gateway.vertx(), TIMEOUT).fetch("w1");
      assertThat(fetched).containsOnlyKeys("tokenizer.json", "config.json", "empty.txt");
      fetched.forEach((name, bytes) -> assertThat(bytes).isEqualTo(files.get(name)));
      assertThat(lost).hasValue(2);
      assertThat(chunks).hasValue(6);
    } finally {
      worker.vertx().eventBus().removeOutboundInterceptor(loseTwo);
    }
  }

  @Test
  void shouldSayWhichWorkerIsNotThere() {
    assertThatThrownBy(() -> new ModelFilesClient(gateway.vertx(), TIMEOUT).fetch("absent"))
        .isInstanceOf(IOException.class).hasMessageContaining("files.absent");
  }

  @Test
  void shouldNotBelieveAFileThatDoesNotMatchItsDigest() throws Exception {
    JsonObject manifest = FileManifest.of(Map.of("config.json", "right".getBytes())).toJson();
    worker.vertx().eventBus().<JsonObject>consumer("files.liar", message -> message.reply(
        message.body().isEmpty() ? manifest : Buffer.buffer("wrong")))
        .completion().toCompletionStage().toCompletableFuture().get(10, TimeUnit.SECONDS);
    assertThatThrownBy(() -> new ModelFilesClient(gateway.vertx(), TIMEOUT).fetch("liar"))
        .isInstanceOf(IOException.class).hasMessageContaining("config.json");
  }

  @Test
  void shouldNotBelieveAManifestThatLeadsOutOfItsFolder() throws Exception {
    String digest = FileManifest.sha256(new byte[0]);
    JsonObject manifest = new JsonObject().put("../evil", new JsonObject().put("size", 0).put("sha256", digest));
    worker.vertx().eventBus().<JsonObject>consumer("files.climber", message -> message.reply(manifest))
        .completion().toCompletionStage().toCompletableFuture().get(10, TimeUnit.SECONDS);
    assertThatThrownBy(() -> new ModelFilesClient(gateway.vertx(), TIMEOUT).fetch("climber"))
        .isInstanceOf(IOException.class).hasMessageContaining("../evil");
  }

  @Test
  void shouldNotBelieveAManifestThatIsIncomplete() {
    JsonObject nothing = new JsonObject().putNull("config.json");
    JsonObject nameless = new JsonObject().put("config.json", new JsonObject().putNull("size").putNull("sha256"));
    for (JsonObject manifest : List.of(nothing, nameless)) {
      assertThatThrownBy(() -> FileManifest.fromJson(manifest)).isInstanceOf(IOException.class);
    }
  }
}
