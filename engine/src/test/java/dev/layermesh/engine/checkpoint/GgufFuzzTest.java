package dev.layermesh.engine.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;

import dev.layermesh.decoding.InputException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Tag("slow")
@Timeout(120)
class GgufFuzzTest {
  private static final int ROUNDS = 1_000;

  /** A damaged count or length that asks for more memory than there is must be refused too. */
  @Test
  void shouldNeverFailOtherwiseThanByRefusing(@TempDir Path temp) throws IOException {
    byte[] good = Files.readAllBytes(dev.layermesh.testkit.Fixtures.gguf("Q4_0"));
    int infos = indexOf(good, "token_embd.weight");
    int end = indexOf(good, "blk.7.ffn_norm.weight") + 64;
    Path file = temp.resolve("damaged.gguf");
    Random random = new Random(7);
    int refused = 0;
    for (int round = 0; round < ROUNDS; round++) {
      Files.write(file, damaged(good, random.nextBoolean() ? 0 : infos, end, random));
      try (Checkpoint checkpoint = Checkpoint.open(file)) {
        checkpoint.weights(Slice.verify(7, 8));
        Fingerprint.of(checkpoint, Slice.verify(7, 8));
      } catch (InputException e) {
        assertThat(e.getMessage()).startsWith(file.toString()).hasLineCount(1);
        refused++;
      }
    }
    assertThat(refused).isGreaterThan(ROUNDS / 4);
  }

  private static byte[] damaged(byte[] good, int from, int end, Random random) {
    if (random.nextInt(4) == 0) {
      return Arrays.copyOf(good, random.nextInt(random.nextBoolean() ? end : good.length));
    }
    byte[] damaged = good.clone();
    for (int changes = 1 + random.nextInt(3); changes > 0; changes--) {
      int at = random.nextInt(3) == 0 ? random.nextInt(1000) : from + random.nextInt(end - from);
      damaged[at] = (byte) (random.nextInt(3) == 0 ? random.nextInt(2) * 255 : random.nextInt(256));
    }
    return damaged;
  }

  private static int indexOf(byte[] bytes, String name) {
    return new String(bytes, StandardCharsets.ISO_8859_1).indexOf(name);
  }
}
