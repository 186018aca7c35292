package dev.layermesh.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.layermesh.cli.process.Signals;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(120)
class ChatCommandTest {

  @Test
  void shouldAnswerEachLineWithTheEarlierLinesAsContext() {
    var together = Cli.runWithInput("Speak.\nMore.\n", "chat", "--max-tokens", "12");
    var apart = Cli.runWithInput("Speak.\n/reset\nMore.\n/exit\nnever read\n", "chat", "--max-tokens", "12");

    assertThat(together.status()).isZero();
    assertThat(together.err()).isEmpty();
    assertThat(apart.err()).isEqualTo("(conversation forgotten)\n");
    String first = Cli.runWithInput("Speak.\n", "chat", "--max-tokens", "12").out();
    String alone = Cli.runWithInput("More.\n", "chat", "--max-tokens", "12").out();
    assertThat(together.out()).startsWith(first).isNotEqualTo(first + alone);
    assertThat(apart.out()).isEqualTo(first + alone);
  }

  @Test
  void shouldForgetTheOldestWhenTheContextIsFull() {
    String question = "O ".repeat(450).strip();
    var result = Cli.runWithInput((question + "\n").repeat(3), "chat", "--max-tokens", "8");

    assertThat(result.status()).isZero();
    assertThat(result.err()).contains("(the context is full: the oldest messages were forgotten)");
  }

  @Test
  void shouldSayWhenOneQuestionAloneIsTooLong() {
    var result = Cli.runWithInput("O ".repeat(1200) + "\n", "chat");

    assertThat(result.err()).startsWith("layermesh: prompt=").hasLineCount(1);
    assertThat(result.status()).isEqualTo(2);
  }

  @Test
  void shouldEndOnASignal() {
    var signals = new Signals();
    signals.raise();

    assertThat(Cli.run(Cli.environment("Speak.\n", signals), "chat").status()).isZero();
  }
}
