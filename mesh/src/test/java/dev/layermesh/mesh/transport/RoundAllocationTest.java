package dev.layermesh.mesh.transport;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import dev.layermesh.decoding.DraftToken;
import dev.layermesh.decoding.DraftWindow;
import dev.layermesh.decoding.Handoff;
import dev.layermesh.decoding.HiddenRows;
import dev.layermesh.decoding.SamplingParams;
import dev.layermesh.decoding.SessionKey;
import dev.layermesh.decoding.TokenIds;
import dev.layermesh.decoding.VerifyReply;
import dev.layermesh.decoding.Work;
import dev.layermesh.decoding.loop.Verifier;
import dev.layermesh.decoding.loop.VerifierHost;
import dev.layermesh.decoding.loop.VerifierSession;
import dev.layermesh.mesh.membership.Registration;
import dev.layermesh.mesh.membership.Role;
import io.vertx.core.buffer.Buffer;
import java.lang.foreign.MemorySegment;
import java.lang.management.ManagementFactory;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Allocations of a round between a drafter's loop and a verifier: exit states out, the verdict back, through
 * the codec of the event bus but without a socket.
 */
@Timeout(60)
class RoundAllocationTest {
  private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();
  private static final int ROWS = 5;

  @ParameterizedTest
  @ValueSource(ints = {576, 2048, 8192})
  void shouldAllocateAFrameAndTheBufferOfTheSocketForARound(int width) throws Exception {
    // The bus doubles a buffer that grows, so its buffer may be up to twice as large as the frame.
    double most = 3.0 * rowBytes(width) + 4096;
    assertThat(bytesPerRound(width, 300, 500)).as("%d bytes of rows in a round", rowBytes(width)).isLessThan(most);
  }

  @Test
  void shouldCopyRowsIntoTheFrameAndTheBufferOfTheSocketAndNowhereElse() throws Exception {
    int width = 195_000; // the buffer of the socket, a power of two, fits closely: its bytes count as one copy
    double copies = bytesPerRound(width, 5, 20) / rowBytes(width);
    assertThat(Math.round(copies)).as("%.2f times the rows allocated", copies).isEqualTo(2);
  }

  private static int rowBytes(int width) {
    return ROWS * width * Float.BYTES;
  }

  private static double bytesPerRound(int width, int warmUp, int rounds) throws Exception {
    try (var bus = new CodecBus(); var remote = new RemoteVerifiers(
        new TransportNode(bus, "d1", new TestWorkers()), new TestWorkers().join(Role.VERIFY, "v1")::verifier,
        key -> "", width);
        var endpoint = new VerifyEndpoint(
            new TransportNode(bus, "v1", new TestWorkers()), accepting(), 9, SessionSpans.none());
        Verifier verifier = remote.verifier()) {
      verifier.open(new SessionKey(1, 0), SamplingParams.GREEDY);
      var whole = new HiddenRows.Host(
          ROWS, width, HiddenRows.Type.F32, MemorySegment.ofArray(new float[ROWS * width]));
      HiddenRows rows = HiddenRows.join(List.of(whole.slice(0, 2), whole.slice(2, ROWS))); // over the end of a block
      var ids = TokenIds.of(IntStream.range(0, ROWS).toArray());
      var tokens = IntStream.range(1, ROWS).mapToObj(DraftToken::certain).toList();
      long before = 0;
      for (int seq = 0; seq < warmUp + rounds; seq++) {
        if (seq == warmUp) {
          before = THREADS.getTotalThreadAllocatedBytes();
        }
        verifier.send(new DraftWindow(seq, 1, 7, new Handoff.ExitStates(0, ids, 2, rows), tokens));
        assertThat(verifier.receive().seq()).isEqualTo(seq);
      }
      assertThat(endpoint.sessions()).isEqualTo(1);
      return (double) (THREADS.getTotalThreadAllocatedBytes() - before) / rounds;
    }
  }

  private static VerifierHost accepting() {
    return (key, sampling) -> new VerifierSession() {
      @Override
      public int cached() {
        return 0;
      }

      @Override
      public VerifyReply answer(Work work) {
        return new VerifyReply.Verdict(work.seq(), ROWS - 1, OptionalInt.of(9), ROWS);
      }

      @Override
      public void close() {}
    };
  }

  /** Delivers what {@link FrameCodec} makes of a frame on one thread, as the event bus does behind its socket. */
  private static final class CodecBus implements FrameBus, AutoCloseable {
    private final FrameCodec codec = new FrameCodec();
    private final Map<String, Consumer<Buffer>> listeners = new ConcurrentHashMap<>();
    private final ExecutorService thread = Executors.newSingleThreadExecutor();

    @Override
    public void send(String address, Buffer frame) {
      Buffer wire = Buffer.buffer(1024).appendString(address);
      int start = wire.length();
      codec.encodeToWire(wire, frame);
      thread.execute(() -> listeners.get(address).accept(codec.decodeFromWire(start, wire)));
    }

    @Override
    public Listening listen(String address, Consumer<Buffer> handler) {
      listeners.put(address, handler);
      return new Listening() {
        @Override
        public CompletionStage<Void> ready() {
          return CompletableFuture.completedStage(null);
        }

        @Override
        public void close() {
          listeners.put(address, frame -> {});
        }
      };
    }

    @Override
    public Registration every(Duration period, Runnable action) {
      return () -> {};
    }

    @Override
    public long nanoTime() {
      return System.nanoTime();
    }

    @Override
    public void close() {
      thread.close();
    }
  }
}
