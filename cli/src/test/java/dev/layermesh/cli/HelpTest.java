package dev.layermesh.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.layermesh.cli.process.Signals;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class HelpTest {

  static Stream<String> commands() {
    var unused = new PrintWriter(new StringWriter());
    return Layermesh.commandLine(Cli.environment("", new Signals()), unused, unused).getSubcommands().keySet().stream();
  }

  @ParameterizedTest
  @MethodSource("commands")
  void shouldExplainEveryCommandWithAnExample(String command) {
    var result = Cli.run(command, "--help");

    assertThat(result.status()).isZero();
    assertThat(result.err()).isEmpty();
    assertThat(result.out()).contains("Usage: layermesh " + command).contains("Example:\n  layermesh " + command)
        .contains("--verbose").contains("(default: ");
  }

  @Test
  void shouldListTheCommandsAndTellTheVersion() {
    assertThat(Cli.run("--help").out()).contains(commands().toList());
    assertThat(Cli.run("--version").out()).startsWith("layermesh ").contains("Java ");
  }

  @Test
  void shouldRefuseWhatIsNoCommand() {
    assertThat(Cli.run("dance")).isEqualTo(
        new Cli.Result(2, "", "layermesh: dance: unknown command or argument: see layermesh --help\n"));
    assertThat(Cli.run()).isEqualTo(new Cli.Result(2, "", "layermesh: no command given: see layermesh --help\n"));
  }
}
