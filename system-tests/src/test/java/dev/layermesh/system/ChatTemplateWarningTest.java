package dev.layermesh.system;

import static org.assertj.core.api.Assertions.assertThat;

import dev.layermesh.testkit.Fixtures;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A process that loads a model whose chat template is broken says so in one line, once. */
@Timeout(value = 2, unit = TimeUnit.MINUTES)
class ChatTemplateWarningTest {
  @TempDir
  private Path folder;

  private Path model;

  @BeforeEach
  void makeModel() throws IOException {
    model = Files.createDirectory(folder.resolve("model"));
    try (Stream<Path> files = Files.list(Fixtures.bundledModel())) {
      for (Path file : files.toList()) {
        Files.copy(file, model.resolve(file.getFileName()));
      }
    }
    Files.writeString(model.resolve("chat_template.jinja"), "{{ nothing(");
  }

  private void assertWarned(ChildProcess.Result result) {
    assertThat(result.err()).hasLineCount(1)
        .startsWith("layermesh: chats will fail: " + model.resolve("chat_template.jinja") + ": the chat template failed");
    assertThat(result.status()).isZero();
  }

  @Test
  void shouldWarnWhenATextIsContinued() {
    assertWarned(ChildProcess.start(folder, Map.of(), List.of(
        "generate", "--prompt", "ROMEO:", "--max-tokens", "2", "--model", model.toString())).result());
  }

  @Test
  void shouldWarnWhenAModelIsServed() {
    try (ChildProcess serve = ChildProcess.start(
        folder, Map.of(), List.of("serve", "--port", "0", "--model", model.toString()))) {
      serve.awaitOut(Pattern.compile("Try:"));
      serve.terminate();
      assertWarned(serve.result());
    }
  }
}
