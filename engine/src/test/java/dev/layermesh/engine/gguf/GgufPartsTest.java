package dev.layermesh.engine.gguf;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.layermesh.decoding.InputException;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(60)
class GgufPartsTest {
  @TempDir
  private Path temp;

  @BeforeEach
  void writeThreeParts() {
    write(1, part(0, 3).text("general.name", "whole").integer("split.tensors.count", 3));
    write(2, tensor(part(1, 3), "a", 1));
    write(3, tensor(tensor(part(2, 3), "b", 2), "c", 3));
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3})
  void shouldOpenTheModelByTheNameOfAnyPart(int part) {
    try (Arena arena = Arena.ofConfined()) {
      GgufParts model = GgufParts.map(path(part), arena);
      assertThat(model.name()).isEqualTo("model");
      assertThat(model.file()).isEqualTo(path(1));
      assertThat(model.metadata().text("general.name")).isEqualTo("whole");
      assertThat(model.tensors()).containsOnlyKeys("a", "b", "c");
      assertThat(model.file("a")).isEqualTo(path(2));
      assertThat(model.data(model.tensors().get("c")).toArray(JAVA_BYTE)).containsOnly(3);
    }
  }

  @Test
  void shouldOpenAFileThatIsNotSplitUnderAnyName() {
    try (Arena arena = Arena.ofConfined()) {
      Path file = temp.resolve("one-00001-of-00001.gguf");
      write(file, tensor(new GgufWriter(), "a", 1));
      assertThat(GgufParts.map(file, arena).name()).isEqualTo("one-00001-of-00001");
    }
  }

  @Test
  void shouldNameThePartThatIsMissingOrStandsElsewhere() throws IOException {
    Files.delete(path(2));
    assertRefused(path(3), path(2) + ": no such file");

    write(2, tensor(part(2, 3), "a", 1));
    assertRefused(path(1), path(2) + ": split.no=2: must be 1 by the name of the file");

    write(2, tensor(part(1, 4), "a", 1));
    assertRefused(path(1), path(2) + ": split.count=4: must be 3, as in the other parts");

    write(2, tensor(part(1, 3), "b", 1));
    assertRefused(path(1), path(3) + ": tensor=b: is in model-00002-of-00003.gguf as well");

    write(2, part(1, 3));
    assertRefused(path(1), path(1) + ": split.tensors.count=3: the 3 parts hold 2");

    Path renamed = temp.resolve("renamed.gguf");
    write(renamed, part(0, 3));
    assertRefused(renamed,
        renamed + ": split.count=3: a part of a model must be named NAME-00001-of-00003.gguf");
  }

  private Path path(int part) {
    return temp.resolve("model-%05d-of-00003.gguf".formatted(part));
  }

  private static GgufWriter part(int number, int count) {
    return new GgufWriter().integer("split.no", number).integer("split.count", count);
  }

  private static GgufWriter tensor(GgufWriter writer, String name, int value) {
    byte[] bytes = {(byte) value, (byte) value, (byte) value, (byte) value};
    return writer.tensor(name, GgmlType.F32, List.of(1), out -> out.write(bytes));
  }

  private void write(int part, GgufWriter writer) {
    write(path(part), writer);
  }

  private static void write(Path file, GgufWriter writer) {
    try (OutputStream out = Files.newOutputStream(file)) {
      writer.writeTo(out);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void assertRefused(Path file, String message) {
    try (Arena arena = Arena.ofConfined()) {
      assertThatThrownBy(() -> GgufParts.map(file, arena)).isInstanceOf(InputException.class).hasMessage(message);
    }
  }
}
