package dev.layermesh.engine.backend;

import dev.layermesh.engine.checkpoint.TensorView;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Supplier;

/**
 * The threads of a backend: the lane that calls and its helpers. Work is handed over by counting {@link #round} up;
 * helpers spin for some microseconds, since the next hand-off of a step comes at once, then park. All methods are
 * called by the lane.
 */
final class Crew implements AutoCloseable {
  private static final int SPINS = 2_000; // some 50 microseconds: longer than the pause between two hand-offs of a step

  /** A share of some work: items [from,to). */
  @FunctionalInterface
  interface Share {
    void run(Kernels kernels, int from, int to);
  }

  /** Columns [0,w.rows()) of a product: {@code out = x · wᵀ}. */
  record Product(TensorView w, float[] out) {}

  private final Kernels own;
  private final List<Helper> helpers = new ArrayList<>();
  private final long aloneBelow;
  private final AtomicInteger pending = new AtomicInteger();
  private Share share = (_, _, _) -> {};
  private int items;
  private volatile Throwable failure; // of a helper, in this round
  private volatile boolean closed;
  private volatile int round;

  Crew(Supplier<? extends Kernels> kernels, CpuOptions options) {
    this.own = kernels.get();
    this.aloneBelow = options.aloneBelow();
    for (int i = 1; i < options.threads(); i++) {
      helpers.add(new Helper(i, kernels.get()));
    }
    helpers.forEach(helper -> helper.thread.start());
  }

  /** The lane's own kernels. */
  Kernels own() {
    return own;
  }

  /** Runs all products of the same x: [rows, columns] in one hand-off. */
  void matmul(float[] x, int rows, Product... products) {
    int columns = 0;
    long multiplyAdds = 0;
    for (Product product : products) {
      columns += product.w.rows();
      multiplyAdds += (long) rows * product.w.rows() * product.w.columns();
    }
    split(columns, multiplyAdds, (kernels, from, to) -> {
      int start = 0;
      for (Product product : products) {
        int first = Math.max(from - start, 0);
        int last = Math.min(to - start, product.w.rows());
        if (first < last) {
          kernels.matmul(product.w, first, last, x, rows, product.out);
        }
        start += product.w.rows();
      }
    });
  }

  /**
   * Runs items [0,count), split over all threads when that is worth a hand-off, and returns when all are done.
   *
   * @param multiplyAdds what all items cost together
   */
  void split(int count, long multiplyAdds, Share work) {
    if (closed) {
      throw new IllegalStateException("the backend is closed");
    }
    if (helpers.isEmpty() || multiplyAdds < aloneBelow) {
      work.run(own, 0, count);
      return;
    }
    share = work;
    items = count;
    pending.set(helpers.size());
    round++; // the lane is its only writer; publishes the fields above
    helpers.forEach(Helper::wake);
    Throwable mine = attempt(own, 0);
    for (int spins = 0; pending.get() > 0; spins++) {
      if (spins < SPINS) {
        Thread.onSpinWait();
      } else {
        Thread.yield();
      }
    }
    Throwable theirs = failure;
    failure = null;
    if (mine != null || theirs != null) {
      throw new IllegalStateException("a kernel failed over " + count + " items", mine != null ? mine : theirs);
    }
  }

  private Throwable attempt(Kernels kernels, int index) {
    int threads = helpers.size() + 1;
    try {
      share.run(kernels, (int) ((long) items * index / threads), (int) ((long) items * (index + 1) / threads));
      return null;
    } catch (Throwable e) {
      return e;
    }
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
    private final int index;
    private final Kernels kernels;
    private final Thread thread;
    private volatile boolean parked;

    Helper(int index, Kernels kernels) {
      this.index = index;
      this.kernels = kernels;
      this.thread = Thread.ofPlatform().daemon().name("layermesh-kernels-" + index).unstarted(this);
    }

    void wake() {
      if (parked) {
        LockSupport.unpark(thread);
      }
    }

    @Override
    public void run() {
      int done = 0;
      while (true) {
        awaitRoundAfter(done);
        if (round == done) {
          return; // closed
        }
        done++;
        Throwable mine = attempt(kernels, index);
        if (mine != null) {
          failure = mine;
        }
        pending.decrementAndGet();
      }
    }

    private void awaitRoundAfter(int done) {
      for (int spins = 0; round == done && !closed; spins++) {
        if (spins < SPINS) {
          Thread.onSpinWait();
        } else {
          parked = true;
          if (round == done && !closed) {
            LockSupport.park(Crew.this);
          }
          parked = false;
        }
      }
    }
  }
}
