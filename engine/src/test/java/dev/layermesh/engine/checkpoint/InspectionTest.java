package dev.layermesh.engine.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.layermesh.decoding.InputException;
import dev.layermesh.engine.model.ModelFiles;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
class InspectionTest {

  @Test
  void shouldSayWhatASplitOfATiedModelGivesEachSide() {
    try (Checkpoint checkpoint = Checkpoint.open(Fixtures.BUNDLED)) {
      Inspection inspection = Inspection.of(checkpoint, 3);
      long layer = 2L * (2 * 192 + 2 * 192 * 192 + 2 * 64 * 192 + 3 * 192 * 512);

      assertThat(inspection.layerBytes()).hasSize(8).containsOnly(layer);
      assertThat(inspection.embeddingBytes()).isEqualTo(2L * 2048 * 192);
      assertThat(inspection.headBytes()).isEqualTo(2L * 192);
      assertThat(inspection.totalBytes()).isEqualTo(8 * layer + 2L * 2048 * 192 + 2L * 192);
      assertThat(inspection.bytesByDType()).containsOnlyKeys(DType.BF16);
      assertThat(inspection.parameters()).isEqualTo(inspection.totalBytes() / 2);
      assertThat(inspection.draftBytes()).isEqualTo(inspection.totalBytes() - 5 * layer);
      assertThat(inspection.verifyBytes()).isEqualTo(inspection.totalBytes() - 3 * layer);
      assertThat(inspection.chatTemplate()).isTrue();
    }
  }

  @Test
  void shouldCountAnUntiedHeadApartFromTheEmbedding() {
    try (Checkpoint checkpoint = Checkpoint.open(Fixtures.LLAMA2)) {
      Inspection inspection = Inspection.of(checkpoint, 1);

      assertThat(inspection.headBytes()).isEqualTo(inspection.embeddingBytes() + 4 * 64);
      assertThat(inspection.draftBytes() + inspection.verifyBytes())
          .isEqualTo(inspection.totalBytes() + inspection.headBytes());
      assertThat(inspection.bytesByDType()).containsEntry(DType.F32, inspection.totalBytes());
      assertThat(inspection.chatTemplate()).isFalse();
    }
  }

  @Test
  void shouldFindAChatTemplateInTheTokenizerConfig(@TempDir Path temp) {
    Path folder = Fixtures.copy(Fixtures.LLAMA2, temp);
    Fixtures.edit(folder.resolve("tokenizer_config.json"),
        "\"backend\"", "\"chat_template\": \"{{ x }}\", \"backend\"");
    try (Checkpoint checkpoint = Checkpoint.open(folder)) {
      assertThat(Inspection.of(checkpoint, 1).chatTemplate()).isTrue();
    }
  }

  @Test
  void shouldRefuseAnExitLayerOutsideTheModel() {
    try (Checkpoint checkpoint = Checkpoint.open(Fixtures.LLAMA2)) {
      assertThatThrownBy(() -> Inspection.of(checkpoint, 6))
          .isInstanceOf(InputException.class)
          .hasMessage("exit_layer=6: must be between 1 and 5");
    }
  }

  @Test
  void shouldHandOutTheSmallFilesThatExist() throws IOException {
    assertThat(files(Fixtures.LLAMA3).contents()).containsOnlyKeys("config.json", "generation_config.json",
        "tokenizer.json", "tokenizer_config.json", "chat_template.jinja");
    assertThat(files(Fixtures.LLAMA2).contents()).doesNotContainKey("chat_template.jinja");
    assertThat(files(Fixtures.LLAMA2).contents().get("tokenizer.json"))
        .isEqualTo(Files.readAllBytes(Fixtures.LLAMA2.resolve("tokenizer.json")));
  }

  /** A process without weights reads the ends of generation from these files alone. */
  @Test
  void shouldHandOutTheEndsOfGenerationThatTheEngineObeys(@TempDir Path temp) throws IOException {
    Path copy = Fixtures.copy(Fixtures.LLAMA3, temp);
    byte[] before = files(copy).contents().get("generation_config.json");
    assertThat(before).isEqualTo(Files.readAllBytes(copy.resolve("generation_config.json")));

    Fixtures.edit(copy.resolve("tokenizer_config.json"), "<|eot_id|>", "<|end_of_text|>");
    assertThat(new String(files(copy).contents().get("generation_config.json"), StandardCharsets.UTF_8))
        .contains("\"bos_token_id\":0", "\"eos_token_id\":[4,1]");

    Files.delete(copy.resolve("generation_config.json"));
    assertThat(new String(files(copy).contents().get("generation_config.json"), StandardCharsets.UTF_8))
        .contains("\"eos_token_id\":[4,1]");
  }

  private static ModelFiles files(Path model) {
    try (Checkpoint checkpoint = Checkpoint.open(model)) {
      return checkpoint.files();
    }
  }
}
