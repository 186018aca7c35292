package dev.layermesh.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.concurrent.Callable;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import picocli.CommandLine;
import picocli.CommandLine.Command;

@Tag("slow")
class MainTest {

  @Command(name = "broken")
  private static final class Broken implements Callable<Integer> {
    @Override
    public Integer call() {
      throw new NoClassDefFoundError("some/Library\n  is not there");
    }
  }

  @Test
  void shouldSayInOneLineWhatNoCommandCatches() {
    var err = new StringWriter();

    assertThat(Main.execute(new CommandLine(new Broken()), new PrintWriter(err, true))).isEqualTo(1);
    assertThat(err).hasToString("layermesh: java.lang.NoClassDefFoundError: some/Library is not there\n");
  }
}
