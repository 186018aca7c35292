package dev.layermesh.engine.speculation;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import dev.layermesh.decoding.Drafter;
import dev.layermesh.decoding.LocalVerifier;
import dev.layermesh.decoding.Round;
import dev.layermesh.decoding.SamplingParams;
import dev.layermesh.decoding.SessionSpec;
import dev.layermesh.decoding.SpeculativeDecoder;
import dev.layermesh.decoding.TokenIds;
import dev.layermesh.decoding.TokenSink;
import dev.layermesh.decoding.Verifier;
import dev.layermesh.decoding.WindowPolicy;
import dev.layermesh.engine.EngineOptions;
import dev.layermesh.engine.backend.Available;
import dev.layermesh.engine.backend.KvOptions;
import dev.layermesh.testkit.Fixtures;
import dev.layermesh.testkit.InlineVerifier;
import java.lang.management.ManagementFactory;
import java.time.Duration;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * What the threads that compute allocate while sessions decode: the lane and its helpers. What a step needs is made by
 * the session that asks for it, or once.
 */
@Timeout(value = 3, unit = TimeUnit.MINUTES)
class LaneAllocationTest {
  private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();
  private static final Duration LIMIT = Duration.ofSeconds(60); // the compiler is done with a small model long before
  private static final int TOKENS = 300; // of a session
  private static final int STRETCH = 100; // tokens: longer than a block of keys and values has positions
  private static final int WAKE_UP = 32; // bytes of the task that the JDK's scheduler of virtual threads is handed

  /** Watches the threads that an engine has started. */
  private static final class Watch implements TokenSink {
    private final long[] threads;
    private long tokens;
    private long firstBytes;
    private long firstToken;
    private double least = Double.POSITIVE_INFINITY; // bytes per token of any stretch

    Watch(Set<Thread> before) {
      var started = new HashSet<>(Thread.getAllStackTraces().keySet());
      started.removeAll(before);
      threads = started.stream()
          .filter(thread -> thread.getName().startsWith("lane-") || thread.getName().startsWith("layermesh-kernels-"))
          .mapToLong(Thread::threadId)
          .toArray();
    }

    void start() {
      firstBytes = bytes();
      firstToken = tokens;
    }

    @Override
    public void round(Round round) {
      tokens += round.committed().length();
      if (tokens - firstToken >= STRETCH) {
        least = Math.min(least, (double) (bytes() - firstBytes) / (tokens - firstToken));
        start();
      }
    }

    private long bytes() {
      return Arrays.stream(THREADS.getThreadAllocatedBytes(threads)).sum();
    }
  }

  /** Lets sessions decode, one after the other, until the compiler has left no more than {@code most} bytes a token. */
  private static void requireAtMost(
      double most, EngineOptions options, SamplingParams sampling, int window, boolean inline) {
    Set<Thread> before = Thread.getAllStackTraces().keySet();
    try (var model = CoLocatedModel.open(options, (_, _) -> { })) {
      var split = new SplitModel(model.draft(), model.verify());
      SessionSpec spec =
          split.spec(TokenIds.of(5, 6, 7), TOKENS, sampling, WindowPolicy.sequential(window));
      Supplier<Verifier> verifiers =
          () -> inline ? new InlineVerifier(model.verify(), 64) : new LocalVerifier(model.verify());
      var watch = new Watch(before);
      assertThat(watch.threads).as("a lane and a helper").hasSize(2);
      long start = System.nanoTime();
      while (watch.least > most && System.nanoTime() - start < LIMIT.toNanos()) {
        try (Drafter drafter = model.draft().drafter(spec); Verifier verifier = verifiers.get()) {
          watch.start();
          new SpeculativeDecoder(spec, drafter, verifier, watch).run();
        }
      }
      assertThat(watch.least).as("bytes per token").isLessThanOrEqualTo(most);
    }
  }

  private static EngineOptions options(String backend) {
    EngineOptions defaults = EngineOptions.of(Fixtures.bundledModel());
    return new EngineOptions(
        defaults.model(), defaults.exitLayer(), "cpu", backend, 2, KvOptions.ofHeap().unshared(), false);
  }

  private static SamplingParams sampling(double temperature) {
    return temperature == 0 ? SamplingParams.GREEDY : SamplingParams.sampled(temperature, 7);
  }

  @ParameterizedTest
  @CsvSource({"native, 0, 0", "native, 0.8, 3", "vector, 0, 3", "vector, 0.8, 0"})
  void shouldAllocateNothingPerTokenOnceItIsCompiled(String backend, double temperature, int window) {
    Available.require(backend);
    requireAtMost(0, options(backend), sampling(temperature), window, true);
  }

  /** Whoever wakes a virtual thread pays for it: here the verifier's, once a token. */
  @Test
  void shouldPayForNoMoreThanWakingAVirtualThread() {
    requireAtMost(WAKE_UP, options("vector"), SamplingParams.GREEDY, 0, false);
  }
}
