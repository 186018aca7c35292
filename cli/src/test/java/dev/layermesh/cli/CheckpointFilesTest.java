package dev.layermesh.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.layermesh.cli.complete.CheckpointFiles;
import dev.layermesh.engine.checkpoint.Checkpoint;
import dev.layermesh.tokenizer.TokenizerFiles;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CheckpointFilesTest {
  @Test
  void shouldHandOverEveryFileThatTextNeeds(@TempDir Path folder) throws IOException {
    try (Stream<Path> files = Files.list(Cli.MODEL)) {
      for (Path file : files.toList()) {
        Files.copy(file, folder.resolve(file.getFileName()));
      }
    }
    Files.writeString(folder.resolve("special_tokens_map.json"), "{\"unk_token\": \"<unk>\"}");
    Files.writeString(folder.resolve("chat_template.jinja"), "{{ messages }}");
    TokenizerFiles read = TokenizerFiles.read(folder);
    assertThat(read.content()).containsOnlyKeys(TokenizerFiles.NAMES);

    try (Checkpoint checkpoint = Checkpoint.open(folder)) {
      TokenizerFiles handedOver = CheckpointFiles.of(checkpoint);
      assertThat(handedOver.content()).containsOnlyKeys(TokenizerFiles.NAMES);
      assertThat(handedOver.content())
          .allSatisfy((name, bytes) -> assertThat(bytes).isEqualTo(read.content().get(name)));
    }
  }
}
