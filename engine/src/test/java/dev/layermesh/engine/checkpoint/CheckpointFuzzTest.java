package dev.layermesh.engine.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;

import dev.layermesh.decoding.InputException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Tag("slow")
@Timeout(60)
class CheckpointFuzzTest {
  private static final int ROUNDS = 2_000;

  /** Layer 7 and the final norm lie in the shard named; the other files are read whole. */
  @ParameterizedTest
  @ValueSource(strings = {"model-00003-of-00003.safetensors", "model.safetensors.index.json", "config.json",
      "generation_config.json"})
  void shouldNeverFailOtherwiseThanByRefusing(String name, @TempDir Path temp) throws IOException {
    Path folder = Fixtures.copy(Fixtures.LLAMA3, temp);
    Path file = folder.resolve(name);
    byte[] good = Files.readAllBytes(file);
    int fragile = name.endsWith(".json") ? good.length : 8 + Safetensors.header(good).length();
    Random random = new Random(7);
    int refused = 0;
    for (int round = 0; round < ROUNDS; round++) {
      Files.write(file, damaged(good, fragile, random));
      try (Checkpoint checkpoint = Checkpoint.open(folder)) {
        checkpoint.weights(Slice.verify(7, 8));
        Fingerprint.of(checkpoint, Slice.verify(7, 8));
      } catch (InputException e) {
        assertThat(e.getMessage()).startsWith(folder.toString()).hasLineCount(1);
        refused++;
      }
    }
    assertThat(refused).isGreaterThan(ROUNDS / 2);
  }

  private static byte[] damaged(byte[] good, int fragile, Random random) {
    if (random.nextInt(4) == 0) {
      return Arrays.copyOf(good, random.nextInt(random.nextBoolean() ? fragile : good.length));
    }
    byte[] damaged = good.clone();
    for (int changes = 1 + random.nextInt(3); changes > 0; changes--) {
      damaged[random.nextInt(fragile)] = (byte) random.nextInt(256);
    }
    return damaged;
  }
}
