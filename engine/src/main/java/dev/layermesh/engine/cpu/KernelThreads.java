package dev.layermesh.engine.cpu;

import dev.layermesh.engine.cpu.kernels.Activations;
import dev.layermesh.engine.cpu.kernels.FloatArray;
import dev.layermesh.engine.cpu.kernels.Kernels;
import dev.layermesh.engine.cpu.kernels.Matrix;
import dev.layermesh.engine.cpu.os.Cores;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Supplier;

/**
 * The threads that run the kernels of a backend: the lane's and its helpers. The lane cuts work into chunks, and each
 * free thread takes the next one. A helper that the machine does not run for a while therefore delays only the chunk it
 * has begun. Helpers spin for some microseconds, since the next hand-off of a step follows at once, then park. The lane
 * calls all methods.
 */
final class KernelThreads implements AutoCloseable {
  private static final int SPINS = 2_000; // some 50 microseconds: longer than the pause between two hand-offs of a step

  /** Work that is split into ranges of items, [from,to). */
  @FunctionalInterface
  interface Work {
    void run(Kernels kernels, int from, int to);
  }

  /** A product to run: {@code out = x · wᵀ}. */
  record Product(Matrix w, FloatArray out) {}

  private static final int CHUNKS_PER_THREAD = 4;

  private final Optional<Cores> cores; // of the process, where each thread has one of them for its own
  private final Optional<Cores> lanesCore;
  private final Kernels own;
  private final List<Helper> helpers = new ArrayList<>();
  private final long aloneBelow;
  private final int chunks; // of every round
  private final Work multiply = this::multiply;
  private Activations x = Activations.of(new float[0], 0, 1); // of the products of this round
  private Product[] products = {};
  private Work work = multiply; // of this round; read after a chunk of it is taken
  private int items;
  private final AtomicLong untaken = new AtomicLong(); // round << 32 | chunks that no thread has taken
  private final AtomicInteger finished = new AtomicInteger(); // chunks of this round
  private volatile Throwable failure; // in this round
  private volatile boolean closed;

  /**
   * Starts the helpers.
   *
   * @throws dev.layermesh.decoding.InputException when threads are to have cores of their own, and there are too few
   */
  KernelThreads(Supplier<? extends Kernels> kernels, CpuOptions options) {
    this.cores = options.pinCores() ? Optional.of(Cores.allowed(options.threads())) : Optional.empty();
    this.lanesCore = cores.map(all -> all.only(0));
    this.own = kernels.get();
    this.aloneBelow = options.aloneBelow();
    this.chunks = options.threads() * CHUNKS_PER_THREAD;
    for (int i = 1; i < options.threads(); i++) {
      int index = i;
      helpers.add(new Helper(i, kernels.get(), cores.map(all -> all.only(index))));
    }
    helpers.forEach(helper -> helper.thread.start());
  }

  /** The lane's own kernels. */
  Kernels own() {
    return own;
  }

  /**
   * The lane begins a step: from now on it keeps to its core, if threads have cores. It gives the core up after the
   * step, because the JVM may start a thread for a session that the lane wakes, and Linux gives a new thread the cores
   * of the thread that starts it.
   */
  void begin() {
    lanesCore.ifPresent(Cores::keep);
  }

  /** The lane has ended its step. */
  void end() {
    cores.ifPresent(Cores::keep);
  }

  /** Runs all products of x in one hand-off. */
  void matmul(Activations x, Product... products) {
    int parts = 0;
    long multiplyAdds = 0;
    for (Product product : products) {
      parts += product.w.parts();
      multiplyAdds += (long) x.rows() * product.w.rows() * product.w.columns();
    }
    this.x = x;
    this.products = products;
    split(parts, multiplyAdds, multiply);
  }

  private void multiply(Kernels kernels, int from, int to) {
    int start = 0;
    for (Product product : products) {
      int first = Math.max(from - start, 0);
      int last = Math.min(to - start, product.w.parts());
      if (first < last) {
        kernels.matmul(product.w, first, last, x, product.out);
      }
      start += product.w.parts();
    }
  }

  /**
   * Runs items [0,count), split over all threads when that is worth a hand-off, and returns when all are done.
   *
   * @param multiplyAdds what all items cost together
   */
  void split(int count, long multiplyAdds, Work work) {
    if (closed) {
      throw new IllegalStateException("the backend is closed");
    }
    if (helpers.isEmpty() || multiplyAdds < aloneBelow) {
      work.run(own, 0, count);
      return;
    }
    this.work = work;
    items = count;
    finished.set(0);
    untaken.set(((untaken.get() >>> 32) + 1) << 32 | chunks); // publishes the fields above
    for (int i = 0; i < helpers.size(); i++) {
      helpers.get(i).wake();
    }
    takeChunks(own);
    for (int spins = 0; finished.get() < chunks; spins++) {
      if (spins < SPINS) {
        Thread.onSpinWait();
      } else {
        Thread.yield();
      }
    }
    Throwable cause = failure;
    failure = null;
    if (cause != null) {
      throw new IllegalStateException("a kernel failed over " + count + " items", cause);
    }
  }

  /** Runs chunks until all are taken. A round ends after all its chunks, so its fields do not change meanwhile. */
  private void takeChunks(Kernels kernels) {
    long seen = untaken.get();
    while ((int) seen > 0) {
      if (untaken.compareAndSet(seen, seen - 1)) {
        int chunk = chunks - (int) seen;
        try {
          work.run(kernels, start(chunk), start(chunk + 1));
        } catch (Throwable e) {
          failure = e;
        }
        finished.incrementAndGet();
      }
      seen = untaken.get();
    }
  }

  private int start(int chunk) {
    return (int) ((long) items * chunk / chunks);
  }

  @Override
  public void close() {
    closed = true;
    helpers.forEach(Helper::wake);
    for (Helper helper : helpers) {
      boolean interrupted = false;
      while (helper.thread.isAlive()) {
        try {
          helper.thread.join();
        } catch (InterruptedException _) {
          interrupted = true;
        }
      }
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  private final class Helper implements Runnable {
    private final Kernels kernels;
    private final Optional<Cores> core;
    private final Thread thread;
    private volatile boolean parked;

    Helper(int index, Kernels kernels, Optional<Cores> core) {
      this.kernels = kernels;
      this.core = core;
      this.thread = Thread.ofPlatform().daemon().name("layermesh-kernels-" + index).unstarted(this);
    }

    void wake() {
      if (parked) {
        LockSupport.unpark(thread);
      }
    }

    @Override
    public void run() {
      core.ifPresent(Cores::keep);
      while (!closed) {
        takeChunks(kernels);
        awaitChunks();
      }
    }

    private void awaitChunks() {
      for (int spins = 0; idle(); spins++) {
        if (spins < SPINS) {
          Thread.onSpinWait();
        } else {
          parked = true;
          if (idle()) {
            LockSupport.park(KernelThreads.this);
          }
          parked = false;
        }
      }
    }

    private boolean idle() {
      return untaken.intValue() == 0 && !closed;
    }
  }
}
