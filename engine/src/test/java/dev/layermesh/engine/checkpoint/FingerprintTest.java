package dev.layermesh.engine.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

@Timeout(60)
class FingerprintTest {
  @TempDir
  private Path temp;

  @ParameterizedTest
  @MethodSource("dev.layermesh.engine.checkpoint.Fixtures#all")
  void shouldBeTheSameForEveryRole(Path folder) {
    try (Checkpoint checkpoint = Checkpoint.open(folder)) {
      int layers = checkpoint.config().numLayers();
      Fingerprint whole = Fingerprint.of(checkpoint, Slice.whole(layers));

      assertThat(whole.id()).matches("[0-9a-f]{16}");
      assertThat(whole.parts()).containsKeys("layer 0", "layer " + (layers - 1));
      for (int exit = 1; exit < layers; exit++) {
        Fingerprint draft = Fingerprint.of(checkpoint, Slice.draft(exit));
        Fingerprint verify = Fingerprint.of(checkpoint, Slice.verify(exit, layers));
        assertThat(draft.id()).isEqualTo(verify.id()).isEqualTo(whole.id());
        assertThat(draft.difference(verify)).isEmpty();
        assertThat(whole.difference(draft)).isEmpty();
        assertThat(draft.parts()).containsKey("layer " + (layers - 1)); // in the shard of the final norm
      }
    }
  }

  @Test
  void shouldBeTheSameWithTheShardsOfOtherLayersRemoved() throws IOException {
    Path folder = Fixtures.copy(Fixtures.LLAMA3, temp);
    Fingerprint complete = fingerprint(folder, Slice.draft(2));
    Files.delete(folder.resolve("model-00002-of-00003.safetensors"));

    assertThat(fingerprint(folder, Slice.draft(2))).isEqualTo(complete);
    assertThat(complete.parts()).containsOnlyKeys("layer 0", "layer 1", "layer 7");
  }

  @ParameterizedTest
  @CsvSource({
      "model.norm.weight, true",
      "lm_head.weight, true",
      "model.embed_tokens.weight, false",
      "model.layers.3.mlp.up_proj.weight, false"
  })
  void shouldTellAFineTuneFromItsBase(String tensor, boolean ofEveryRole) {
    Path folder = Fixtures.copy(Fixtures.LLAMA2, temp);
    Fingerprint base = fingerprint(folder, Slice.draft(2));
    Safetensors.flipByte(folder.resolve("model.safetensors"), tensor, 3);
    Fingerprint tuned = fingerprint(folder, Slice.verify(2, 6));

    assertThat(base.difference(tuned)).isPresent();
    assertThat(base.id().equals(tuned.id())).isEqualTo(!ofEveryRole);
  }

  @Test
  void shouldNameThePartThatDiffers() {
    Path folder = Fixtures.copy(Fixtures.LLAMA2, temp);
    Fingerprint base = fingerprint(folder, Slice.draft(2));
    Safetensors.flipByte(folder.resolve("model.safetensors"), "model.layers.3.self_attn.q_proj.weight", 0);
    Fingerprint tuned = fingerprint(folder, Slice.verify(2, 6));

    assertThat(base.difference(tuned)).hasValue(
        "layer 3 " + base.parts().get("layer 3") + " against " + tuned.parts().get("layer 3"));
  }

  @Test
  void shouldTellTokenizersAndConfigsApart() {
    Path folder = Fixtures.copy(Fixtures.LLAMA3, temp);
    Fingerprint before = fingerprint(folder, Slice.draft(2));

    Fixtures.edit(folder.resolve("chat_template.jinja"), "{", "{ ");
    Fingerprint afterTemplate = fingerprint(folder, Slice.draft(2));
    assertThat(afterTemplate.difference(before)).hasValue("model " + afterTemplate.id() + " against " + before.id());

    Fixtures.edit(folder.resolve("config.json"), "500000.0", "500001.0");
    assertThat(fingerprint(folder, Slice.draft(2)).id()).isNotEqualTo(afterTemplate.id());
  }

  @Test
  void shouldNotDependOnHowTheConfigIsWritten() {
    Path folder = Fixtures.copy(Fixtures.LLAMA2, temp);
    Fingerprint before = fingerprint(folder, Slice.draft(2));
    Fixtures.edit(folder.resolve("config.json"), "\"rope_theta\": 10000.0", "\"rope_theta\": 1e4, \"note\": \"mine\"");

    assertThat(fingerprint(folder, Slice.draft(2))).isEqualTo(before);
  }

  private static Fingerprint fingerprint(Path folder, Slice slice) {
    try (Checkpoint checkpoint = Checkpoint.open(folder)) {
      return Fingerprint.of(checkpoint, slice);
    }
  }
}
