package dev.layermesh.cli.process;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Tag("slow")
@Timeout(60)
class SupervisorTest {
  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();
  private final Signals signals = new Signals();

  @TempDir
  private Path folder;

  private static Supervisor.Child shell(String name, String script) {
    return new Supervisor.Child(name, List.of("sh", "-c", script));
  }

  private CompletableFuture<Integer> run(Supervisor.Child... children) {
    var status = new CompletableFuture<Integer>();
    Thread.ofPlatform().start(() -> {
      try {
        status.complete(new Supervisor(new PrintWriter(out), new PrintWriter(err)).run(List.of(children), signals));
      } catch (InterruptedException | RuntimeException failed) {
        status.completeExceptionally(failed);
      }
    });
    return status;
  }

  private static void await(BooleanSupplier condition) throws InterruptedException {
    long deadline = System.nanoTime() + 30_000_000_000L;
    while (!condition.getAsBoolean()) {
      assertThat(System.nanoTime()).isLessThan(deadline);
      Thread.sleep(10); // between two looks
    }
  }

  @Test
  void shouldStartAChildAgainThatDiedAndPassItsLinesOn() throws Exception {
    String script = "echo hello; echo trouble >&2; if [ -e second ]; then exec sleep 60; fi; touch second; exit 3";
    var status = run(shell("worker", "cd " + folder + "; " + script));

    await(() -> out.toString().equals("worker | hello\nworker | hello\n"));
    assertThat(err.toString())
        .contains("worker | trouble\n").contains("worker | ended with status 3, starting again in 500 ms\n");
    signals.raise();
    assertThat(status.get(30, TimeUnit.SECONDS)).isZero();
  }

  @Test
  void shouldLetTheLastChildEndBeforeTheOthersAreAsked() throws Exception {
    Path log = folder.resolve("log");
    String script = "trap 'echo %s >> " + log + "; exit 0' TERM; echo up; while :; do sleep 0.05; done";
    var status = run(shell("worker", script.formatted("worker")), shell("gateway", script.formatted("gateway")));

    await(() -> out.toString().contains("worker | up") && out.toString().contains("gateway | up"));
    signals.raise();
    assertThat(status.get(30, TimeUnit.SECONDS)).isZero();
    assertThat(Files.readAllLines(log)).containsExactly("gateway", "worker");
  }

  @Test
  void shouldEndAllWhenOneRefusesItsInput() throws Exception {
    var status = run(shell("verify-1", "exec sleep 60"), shell("draft-1", "echo 'layermesh: wrong' >&2; exit 2"));

    assertThat(status.get(30, TimeUnit.SECONDS)).isEqualTo(2);
    await(() -> err.toString().contains("draft-1 | layermesh: wrong"));
  }

  @Test
  void shouldStartAChildAgainThatWasReadyOnceWhateverItsStatus() throws Exception {
    String script = "if [ -e second ]; then echo 'port=1: in use' >&2; exit 2; fi; touch second; echo ready; exit 3";
    var status = run(shell("gateway", "cd " + folder + "; " + script));

    await(() -> err.toString().contains("gateway | ended with status 2, starting again in 1000 ms\n"));
    assertThat(status).isNotDone();
    signals.raise();
    assertThat(status.get(30, TimeUnit.SECONDS)).isZero();
  }

  @Test
  void shouldSayWhatCannotBeStarted() throws Exception {
    var status = run(new Supervisor.Child("worker", List.of(folder.resolve("no-such-program").toString())));

    assertThat(status.get(30, TimeUnit.SECONDS)).isEqualTo(1);
    assertThat(err.toString()).startsWith("worker | cannot be started: ");
  }
}
