package dev.layermesh.system;

import static org.assertj.core.api.Assertions.assertThat;

import dev.layermesh.cli.Main;
import dev.layermesh.testkit.Fixtures;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A process whose virtual machine fails in any thread ends, so that a supervisor restarts it. */
@Timeout(value = 2, unit = TimeUnit.MINUTES)
class VirtualMachineErrorTest {
  @TempDir
  private Path folder;

  /** Runs a main class with the flags of every LayerMesh JVM. */
  private ChildProcess.Result run(Class<?> main) throws IOException, InterruptedException {
    Path out = folder.resolve("out");
    Path err = folder.resolve("err");
    Process process = new ProcessBuilder(Path.of(System.getProperty("java.home"), "bin", "java").toString(),
        "@" + Fixtures.path("bin/java.options"), "-Xmx64m", "-XX:+UseSerialGC",
        "-Dlayermesh.root=" + Fixtures.root(), "-cp", System.getProperty("java.class.path"), main.getName())
        .redirectOutput(out.toFile()).redirectError(err.toFile()).start();
    try {
      assertThat(process.waitFor(1, TimeUnit.MINUTES)).as("ended").isTrue();
      return new ChildProcess.Result(process.exitValue(), Files.readString(out), Files.readString(err));
    } finally {
      process.destroyForcibly();
    }
  }

  /** Fills the heap in a thread that nothing waits for. */
  static final class Full {
    private Full() {}

    /** Never ends by itself. */
    public static void main(String[] args) throws InterruptedException {
      Thread.ofPlatform().start(() -> {
        var all = new ArrayList<byte[]>();
        while (true) {
          all.add(new byte[1 << 20]);
        }
      });
      Thread.currentThread().join();
    }
  }

  /** Throws an error of the virtual machine in a thread beside a conversation that waits for a line. */
  static final class Broken {
    private Broken() {}

    /** Ends only if the default handler of {@link Main} ends it. */
    public static void main(String[] args) {
      Thread.ofPlatform().name("breaker").start(() -> {
        while (Thread.getDefaultUncaughtExceptionHandler() == null) {
          Thread.onSpinWait();
        }
        throw new InternalError("out of order");
      });
      Main.main(new String[] {"chat"});
    }
  }

  @Test
  void shouldEndWithThreeWhenTheHeapIsFull() throws Exception {
    ChildProcess.Result result = run(Full.class);
    assertThat(result.status()).isEqualTo(3);
    assertThat(result.out()).hasLineCount(1).contains("java.lang.OutOfMemoryError: Java heap space");
  }

  @Test
  void shouldEndInOneLineWhenAThreadDiesOfAnErrorOfTheVirtualMachine() throws Exception {
    ChildProcess.Result result = run(Broken.class);
    assertThat(result.status()).isEqualTo(1);
    assertThat(result.err()).contains("layermesh: java.lang.InternalError: out of order in thread breaker\n")
        .doesNotContain("\tat ");
  }
}
