package dev.layermesh.engine.measure;

import dev.layermesh.engine.cpu.os.NativeMemory;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/** Measures how fast threads read memory that no cache holds. Belongs to one thread. */
public final class ReadProbe implements AutoCloseable {
  private static final long BYTES = 256L << 20; // far beyond any cache
  private static final int WARM_UPS = 3;
  private static final int ROUNDS = 3;

  private final Arena arena = Arena.ofShared();
  private final MemorySegment memory;
  private final int threads;
  private final ExecutorService readers;
  private volatile long sink; // keeps reads from being optimized away
  private boolean warm;

  /** A probe of so many threads; each reads a part. */
  public ReadProbe(int threads) {
    this.threads = threads;
    this.memory = NativeMemory.allocate(BYTES, arena);
    this.memory.fill((byte) 1);
    this.readers = Executors.newFixedThreadPool(threads, Thread.ofPlatform().daemon().name("read-probe-", 0).factory());
  }

  /** The best of a few rounds. */
  public double bytesPerSecond() {
    for (int i = 0; !warm && i < WARM_UPS; i++) {
      round();
    }
    warm = true;
    double best = 0;
    for (int i = 0; i < ROUNDS; i++) {
      best = Math.max(best, round());
    }
    return best;
  }

  private double round() {
    long share = BYTES / threads / 64 * 64;
    List<Future<Long>> sums = new ArrayList<>(threads);
    long start = System.nanoTime();
    for (int i = 0; i < threads; i++) {
      MemorySegment part = memory.asSlice(i * share, share);
      sums.add(readers.submit(() -> sum(part)));
    }
    try {
      for (Future<Long> sum : sums) {
        sink += sum.get();
      }
    } catch (InterruptedException | ExecutionException failed) {
      throw new IllegalStateException("reading memory", failed);
    }
    return share * threads / ((System.nanoTime() - start) / 1e9);
  }

  private static long sum(MemorySegment part) {
    long sum0 = 0; // several: one alone would wait for its additions
    long sum1 = 0;
    long sum2 = 0;
    long sum3 = 0;
    for (long i = 0; i < part.byteSize(); i += 4 * Long.BYTES) {
      sum0 += part.get(ValueLayout.JAVA_LONG_UNALIGNED, i);
      sum1 += part.get(ValueLayout.JAVA_LONG_UNALIGNED, i + Long.BYTES);
      sum2 += part.get(ValueLayout.JAVA_LONG_UNALIGNED, i + 2 * Long.BYTES);
      sum3 += part.get(ValueLayout.JAVA_LONG_UNALIGNED, i + 3 * Long.BYTES);
    }
    return sum0 + sum1 + sum2 + sum3;
  }

  @Override
  public void close() {
    readers.shutdownNow();
    arena.close();
  }
}
