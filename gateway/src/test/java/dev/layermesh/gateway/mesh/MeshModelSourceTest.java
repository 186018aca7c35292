package dev.layermesh.gateway.mesh;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.layermesh.decoding.TokenIds;
import dev.layermesh.decoding.WindowPolicy;
import dev.layermesh.gateway.GatewayFixture;
import dev.layermesh.gateway.turn.ModelSource.State;
import dev.layermesh.gateway.turn.ServedModel;
import dev.layermesh.mesh.files.ModelFilesCache;
import dev.layermesh.mesh.membership.Placement;
import dev.layermesh.mesh.membership.Registration;
import dev.layermesh.mesh.membership.Role;
import dev.layermesh.mesh.membership.WorkerAd;
import dev.layermesh.mesh.membership.Workers;
import dev.layermesh.tokenizer.ChatMessage;
import dev.layermesh.tokenizer.GenerationDefaults;
import dev.layermesh.tokenizer.TokenizerFiles;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.HashMap;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.Random;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
class MeshModelSourceTest {
  private static final Path BUNDLED =
      Path.of(System.getProperty("layermesh.root"), "models", "layerskip-shakespeare");

  private final List<WorkerAd> ads = new CopyOnWriteArrayList<>();
  private final Placement placement = new Placement(new Workers() {
    @Override
    public List<WorkerAd> live(Role role) {
      return ads.stream().filter(ad -> ad.role() == role).toList();
    }

    @Override
    public Registration onLeave(Consumer<String> listener) {
      return () -> {};
    }
  }, new Random(1));

  private void worker(Role role, String fingerprint) {
    worker(role, fingerprint, 3, 4);
  }

  private void worker(Role role, String fingerprint, int exitLayer, int window) {
    ads.add(new WorkerAd(
        role + "-1", role, "shakespeare", fingerprint, "a", exitLayer, window, 8, 192, 2048, 1024, false, 0, false));
  }

  @Test
  void shouldNameWhatIsMissingThenServeTheWorkersModel(@TempDir Path root) {
    var fetches = new AtomicInteger();
    MeshModelSource.Files files = worker -> {
      if (fetches.incrementAndGet() == 1) {
        throw new IOException("lost");
      }
      return TokenizerFiles.read(BUNDLED).content();
    };
    try (var source =
        new MeshModelSource(
            placement, files, new ModelFilesCache(root), Optional.empty(), true, InstantSource.system())) {
      assertThat(((State.Missing) source.state()).code()).isEqualTo("no_workers");
      worker(Role.DRAFT, "f1");
      assertThat(((State.Missing) source.state()).code()).isEqualTo("no_verify_worker");
      worker(Role.VERIFY, "f1");
      assertThat(((State.Missing) source.state()).code()).isEqualTo("no_tokenizer");
      GatewayFixture.eventually("the tokenizer came", () -> source.state() instanceof State.Ready);

      ServedModel model = ((State.Ready) source.state()).model();
      assertThat(model.id()).isEqualTo("shakespeare");
      assertThat(model.contextLength()).isEqualTo(1024);
      assertThat(model.exitLayer()).isEqualTo(3);
      assertThat(model.text().eosIds()).isEqualTo(TokenIds.of(1));
      assertThat(model.window()).isEqualTo(WindowPolicy.sequential(4));
      TokenIds prompt = model.text().encodeChat(List.of(new ChatMessage("user", "To be")));
      assertThat(prompt.id(0)).isZero();
      assertThat(prompt.id(1)).isNotZero();
      var stream = model.text().stream(List.of("be"));
      var text = new StringBuilder();
      for (int id : model.text().encode("To be or not").toArray()) {
        text.append(stream.append(id));
      }
      assertThat(text.append(stream.finish()).toString()).isEqualTo("To ");
      assertThat(stream.stopped()).isTrue();
      assertThat(fetches).hasValue(2);

      ads.clear();
      worker(Role.DRAFT, "f1", 5, 0);
      worker(Role.VERIFY, "f1", 5, 0);
      assertThat(((State.Ready) source.state()).model().exitLayer()).isEqualTo(5);
      assertThat(((State.Ready) source.state()).model().window()).isEqualTo(WindowPolicy.AUTOREGRESSIVE);
      assertThat(fetches).hasValue(2);

      ads.clear();
      worker(Role.DRAFT, "f2");
      worker(Role.VERIFY, "f2");
      assertThat(source.state()).isInstanceOf(State.Missing.class);
      GatewayFixture.eventually("the other tokenizer came", () -> source.state() instanceof State.Ready);
      assertThat(fetches).hasValue(3);
    }
    var window = Optional.of(WindowPolicy.sequential(7));
    try (var again =
        new MeshModelSource(placement, files, new ModelFilesCache(root), window, true, InstantSource.system())) {
      GatewayFixture.eventually("the cached tokenizer opened", () -> again.state() instanceof State.Ready);
      assertThat(((State.Ready) again.state()).model().window()).isEqualTo(window.get());
      assertThat(fetches).hasValue(3);
    }
  }

  @Test
  void shouldTakeTheSamplingValuesOfTheModelUnlessToldNotTo(@TempDir Path root) {
    MeshModelSource.Files files = worker -> {
      var content = new HashMap<>(TokenizerFiles.read(BUNDLED).content());
      content.put(
          "generation_config.json", "{\"temperature\": 0.6, \"top_k\": -1, \"top_p\": 0.9}".getBytes(UTF_8));
      return content;
    };
    worker(Role.DRAFT, "f1");
    worker(Role.VERIFY, "f1");
    for (boolean modelSampling : new boolean[] {true, false}) {
      try (var source = new MeshModelSource(
          placement, files, new ModelFilesCache(root), Optional.empty(), modelSampling, InstantSource.system())) {
        GatewayFixture.eventually("the tokenizer came", () -> source.state() instanceof State.Ready);
        assertThat(((State.Ready) source.state()).model().sampling()).isEqualTo(modelSampling
            ? new GenerationDefaults(OptionalDouble.of(0.6), OptionalInt.of(0), OptionalDouble.of(0.9))
            : GenerationDefaults.NONE);
      }
    }
  }

  @Test
  void shouldTryATokenizerThatCannotBeOpenedEverMoreRarely(@TempDir Path root) {
    var fetches = new AtomicInteger();
    var now = new AtomicReference<>(Instant.EPOCH);
    MeshModelSource.Files files = worker -> {
      fetches.incrementAndGet();
      throw new IOException("damaged");
    };
    worker(Role.DRAFT, "f1");
    worker(Role.VERIFY, "f1");
    try (var source = new MeshModelSource(
        placement, files, new ModelFilesCache(root), Optional.empty(), true, now::get)) {
      for (int pauses = 0; pauses < 12; pauses++) {
        int before = fetches.get();
        Instant start = now.get();
        GatewayFixture.eventually("it was tried again", () -> {
          source.state();
          if (fetches.get() == before) {
            now.updateAndGet(instant -> instant.plusMillis(100));
          }
          return fetches.get() > before;
        });
        GatewayFixture.eventually("the reason is known", () -> source.state() instanceof State.Missing missing
            && missing.missing().endsWith(": damaged"));
        assertThat(Duration.between(start, now.get())).isLessThan(Duration.ofSeconds(120));
      }
      for (int i = 0; i < 100; i++) {
        source.state();
      }
      assertThat(fetches).hasValue(12);
    }
  }
}
