package dev.layermesh.engine.speculation;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import dev.layermesh.decoding.SamplingParams;
import dev.layermesh.decoding.SessionSpec;
import dev.layermesh.decoding.TokenIds;
import dev.layermesh.decoding.WindowPolicy;
import dev.layermesh.decoding.loop.Drafter;
import dev.layermesh.decoding.loop.LocalVerifier;
import dev.layermesh.decoding.loop.Round;
import dev.layermesh.decoding.loop.SpeculativeDecoder;
import dev.layermesh.decoding.loop.TokenSink;
import dev.layermesh.decoding.loop.Verifier;
import dev.layermesh.engine.EngineOptions;
import dev.layermesh.engine.backend.Available;
import dev.layermesh.engine.backend.ForkedJvm;
import dev.layermesh.engine.kv.KvOptions;
import dev.layermesh.testkit.Fixtures;
import dev.layermesh.testkit.InlineVerifier;
import java.lang.management.ManagementFactory;
import java.time.Duration;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.OptionalInt;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * The bytes that the lane and its helpers allocate while sessions decode. A step's objects are made by
 * the session that asks for it, or once. Each case has a JVM of its own: profiles of the kernels from other tests
 * would change the compiled code.
 */
@Tag("slow")
@Timeout(value = 4, unit = TimeUnit.MINUTES)
class LaneAllocationTest {
  private static final int WAKE_UP = 32; // bytes of the task that the JDK's scheduler of virtual threads is handed

  /** Bytes per token of the quietest stretch, as another JVM measures them until they are no more than {@code most}. */
  private static void requireAtMost(int most, String backend, double temperature, int window, boolean inline)
      throws Exception {
    Available.require(backend);
    String output = ForkedJvm.run(
        List.of(
            "--add-modules", "jdk.incubator.vector", "-Dlayermesh.root=" + System.getProperty("layermesh.root")),
        Decoding.class, backend,
        String.valueOf(temperature), String.valueOf(window), String.valueOf(inline), String.valueOf(most));
    assertThat(output).containsPattern("computing threads: 2, bytes per token: \\d+\n");
    int least = Integer.parseInt(output.substring(output.lastIndexOf(' ') + 1).strip());
    assertThat(least).as("bytes per token").isLessThanOrEqualTo(most);
  }

  @ParameterizedTest
  @CsvSource({"native, 0, 0", "native, 0.8, 3", "vector, 0, 3", "vector, 0.8, 0"})
  void shouldAllocateNothingPerTokenOnceItIsCompiled(String backend, double temperature, int window) throws Exception {
    requireAtMost(0, backend, temperature, window, true);
  }

  /** The lane allocates when it wakes a virtual thread: here the verifier's, once a token. */
  @ParameterizedTest
  @CsvSource({"vector, 0"})
  void shouldPayForNoMoreThanWakingAVirtualThread(String backend, double temperature) throws Exception {
    requireAtMost(WAKE_UP, backend, temperature, 0, false);
  }

  /** Lets sessions decode one after the other. */
  public static final class Decoding {
    private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    private static final Duration LIMIT = Duration.ofMinutes(1); // the compiler is done within seconds, if not starved
    private static final int TOKENS = 300; // of a session
    private static final int STRETCH = 100; // tokens: longer than a block of keys and values has positions

    private Decoding() {}

    /** Arguments: backend, temperature, window, whether the verifier has no thread, and the bytes that are enough. */
    public static void main(String[] args) {
      double temperature = Double.parseDouble(args[1]);
      SamplingParams sampling = temperature == 0 ? SamplingParams.GREEDY : SamplingParams.sampled(temperature, 7);
      var options = new EngineOptions(
          Fixtures.bundledModel(), OptionalInt.empty(), "cpu", args[0], 2, KvOptions.ofHeap().unshared(), false);
      Set<Thread> before = Thread.getAllStackTraces().keySet();
      try (var model = CoLocatedModel.open(options, (_, _) -> {})) {
        var split = new SplitModel(model.draft(), model.verify());
        SessionSpec spec = split.spec(
            TokenIds.of(5, 6, 7), TOKENS, sampling, WindowPolicy.sequential(Integer.parseInt(args[2])));
        var watch = new Watch(before);
        long start = System.nanoTime();
        while (watch.least > Long.parseLong(args[4]) && System.nanoTime() - start < LIMIT.toNanos()) {
          try (Drafter drafter = model.draft().drafter(spec);
              Verifier verifier = Boolean.parseBoolean(args[3])
                  ? new InlineVerifier(model.verify(), 64)
                  : new LocalVerifier(model.verify())) {
            watch.start();
            new SpeculativeDecoder(spec, drafter, verifier, watch).run();
          }
        }
        System.out.println("computing threads: " + watch.threads.length + ", bytes per token: " + watch.least);
      }
    }

    /** Counts what the threads allocate that an engine has started. */
    private static final class Watch implements TokenSink {
      private final long[] threads;
      private long tokens; // of this stretch
      private long bytesBefore;
      private long least = Integer.MAX_VALUE; // bytes per token of any stretch, rounded up

      Watch(Set<Thread> before) {
        var started = new HashSet<>(Thread.getAllStackTraces().keySet());
        started.removeAll(before);
        threads = started.stream()
            .filter(thread -> thread.getName().startsWith("lane-") || thread.getName().startsWith("layermesh-kernels-"))
            .mapToLong(Thread::threadId)
            .toArray();
      }

      /** Begins a stretch. */
      void start() {
        tokens = 0;
        bytesBefore = bytes();
      }

      @Override
      public void round(Round round) {
        tokens += round.committed().length();
        if (tokens >= STRETCH) {
          least = Math.min(least, Math.ceilDiv(bytes() - bytesBefore, tokens));
          start();
        }
      }

      private long bytes() {
        return Arrays.stream(THREADS.getThreadAllocatedBytes(threads)).sum();
      }
    }
  }
}
