package dev.layermesh.engine.lane;

import dev.layermesh.decoding.Distribution;
import dev.layermesh.decoding.HiddenRows;
import dev.layermesh.decoding.TokenIds;
import dev.layermesh.engine.backend.Batch;
import dev.layermesh.engine.backend.Head;
import dev.layermesh.engine.backend.KvCache;
import dev.layermesh.engine.backend.KvCache.Adopted;
import dev.layermesh.engine.backend.Tensor;
import dev.layermesh.engine.backend.Transformer;
import dev.layermesh.engine.lane.Step.Input;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Supplier;
import java.util.stream.IntStream;

/**
 * The single writer of a device: one platform thread owns a transformer and every cache of it. Sessions submit steps
 * and wait; each batch takes what is there, decoding rows before prefill, up to {@code maxRows} rows.
 */
public final class InferenceLane implements AutoCloseable {
  /**
   * Rows of a batch unless told otherwise: enough to share the weights, short enough to keep decoding sessions
   * moving.
   */
  public static final int DEFAULT_MAX_ROWS = 128;

  private static final long LEAST_PATIENCE_NANOS = 200_000_000; // a session that rests between rounds is not idle
  private static final int PATIENCE_STEPS = 20; // a round of drafting and more
  private static final int GATHER_SHARE = 4; // of a step's time, at most, goes into waiting for company

  private sealed interface Order {
    record Run(LaneSession session, Step step, CompletableFuture<Ran> result) implements Order {}

    record Adopt(LaneSession session, int first, TokenIds ids, CompletableFuture<Adopted> result) implements Order {}

    record Share(LaneSession session, int block, TokenIds ids, Optional<HiddenRows> states) implements Order {}

    record Forget(LaneSession session) implements Order {}

    record Stop() implements Order {}
  }

  private final Transformer transformer;
  private final int maxRows;
  private final BlockingQueue<Order> orders = new LinkedBlockingQueue<>();
  private final KvAdmission admission;
  private final AtomicLong sessions = new AtomicLong();
  private final Deque<Order.Run> urgent = new ArrayDeque<>(); // found their memory taken by the batch before
  private final List<Order.Run> postponed = new ArrayList<>(); // the same, of the batch being made
  private final Deque<Order.Run> decoding = new ArrayDeque<>();
  private final Deque<Order.Run> prefilling = new ArrayDeque<>();
  private final ExecutorService worker;
  private boolean stopped;
  private int lastDecoding; // sessions that the last step answered
  private long lastNanos; // what it took
  private volatile boolean closed;
  private volatile LaneStats stats = new LaneStats(0, 0, 0, 0);
  private volatile MemoryStats memory;

  /** Starts a lane; from here on nobody else may use {@code transformer}. */
  public InferenceLane(String name, Transformer transformer, int maxRows) {
    this.transformer = transformer;
    this.maxRows = maxRows;
    this.admission = new KvAdmission(transformer.memory());
    this.memory = admission.stats();
    this.worker = Executors.newSingleThreadExecutor(Thread.ofPlatform().name("lane-" + name).daemon().factory());
    worker.execute(this::work);
  }

  /** What runs here; its sizes may be read by any thread. */
  public Transformer transformer() {
    return transformer;
  }

  /** Rows that a longer input is cut to, so that a prompt shares its steps with sessions that decode. */
  int partRows() {
    return Math.max(1, maxRows / 2);
  }

  /** A session with an empty cache; any thread. */
  public LaneSession open() {
    return open(0);
  }

  /** The same, of which it is known that it needs {@code positions} at least: it begins when there is room for them. */
  public LaneSession open(int positions) {
    return new LaneSession(this, sessions.getAndIncrement(), positions);
  }

  /** Counters; any thread. */
  public LaneStats stats() {
    return stats;
  }

  /** How its memory for keys and values is used; any thread. */
  public MemoryStats memory() {
    return memory;
  }

  CompletableFuture<Ran> submit(LaneSession session, Step step) {
    var result = new CompletableFuture<Ran>();
    return order(new Order.Run(session, step, result), result);
  }

  CompletableFuture<Adopted> adopt(LaneSession session, int from, TokenIds ids) {
    var result = new CompletableFuture<Adopted>();
    return order(new Order.Adopt(session, from, ids, result), result);
  }

  private <T> CompletableFuture<T> order(Order order, CompletableFuture<T> result) {
    orders.add(order);
    if (closed) {
      result.completeExceptionally(new IllegalStateException("lane closed"));
    }
    return result;
  }

  void share(LaneSession session, int block, TokenIds ids, Optional<HiddenRows> states) {
    orders.add(new Order.Share(session, block, ids, states));
  }

  void forget(LaneSession session) {
    orders.add(new Order.Forget(session));
  }

  /** Stops after the current batch; steps that still wait fail. */
  @Override
  public void close() {
    closed = true;
    orders.add(new Order.Stop());
    worker.close();
  }

  private void work() {
    try {
      while (!stopped) {
        accept(urgent.isEmpty() && decoding.isEmpty() && prefilling.isEmpty() ? orders.take() : orders.poll());
        gather();
        List<Order.Run> batch = nextBatch();
        if (!batch.isEmpty() && !stopped) {
          run(batch);
        }
        memory = admission.stats(memory);
      }
    } catch (InterruptedException whoeverClosesIsInAHurry) {
      Thread.currentThread().interrupt();
    } finally {
      closed = true;
      for (Order order = orders.poll(); order != null; order = orders.poll()) {
        accept(order);
      }
      memory = admission.stats();
      urgent.forEach(run -> refuse(run.result()));
      decoding.forEach(run -> refuse(run.result()));
      prefilling.forEach(run -> refuse(run.result()));
    }
  }

  private static void refuse(CompletableFuture<?> result) {
    result.completeExceptionally(new IllegalStateException("session or lane closed"));
  }

  /**
   * Takes what waits. Sessions that the last step answered come back within microseconds: a wait for them that is short
   * beside a step keeps them together instead of leaving them to take turns.
   */
  private void gather() {
    long deadline = System.nanoTime() + lastNanos / GATHER_SHARE;
    while (true) {
      Order order = orders.poll();
      accept(order);
      if (order == null && (decoding.size() >= lastDecoding || System.nanoTime() >= deadline)) {
        return;
      }
    }
  }

  private void accept(Order order) {
    switch (order) {
      case null -> { }
      case Order.Run run -> (run.step().decodes() ? decoding : prefilling).add(run);
      case Order.Adopt adopt when adopt.session().freed() -> refuse(adopt.result());
      case Order.Adopt adopt -> answer(adopt.result(), () ->
          admission.adopt(adopt.session(), adopt.first(), adopt.ids(), System.nanoTime()));
      case Order.Share share when share.session().freed() -> { }
      case Order.Share share -> share.session().cache().share(share.block(), share.ids(), share.states());
      case Order.Forget forget -> admission.leave(forget.session());
      case Order.Stop stop -> stopped = true;
    }
  }

  private static <T> void answer(CompletableFuture<T> result, Supplier<T> source) {
    try {
      result.complete(source.get());
    } catch (RuntimeException failure) {
      result.completeExceptionally(failure);
    }
  }

  /**
   * What runs next: whoever waits for a token, then prefill. One part of a prompt goes along even if it does not fit,
   * or a lane that never stops decoding would never begin with it.
   */
  private List<Order.Run> nextBatch() {
    var batch = new ArrayList<Order.Run>();
    admission.startBatch();
    int rows = take(urgent, batch, 0, maxRows);
    rows = take(decoding, batch, rows, maxRows);
    take(prefilling, batch, rows, Math.max(maxRows, rows + partRows()));
    urgent.addAll(postponed);
    postponed.clear();
    return batch;
  }

  private int take(Deque<Order.Run> queue, List<Order.Run> batch, int before, int limit) {
    int rows = before;
    while (!queue.isEmpty() && (rows == 0 || rows + queue.peek().step().rows() <= limit)) {
      Order.Run run = queue.poll();
      if (admit(run)) {
        rows += run.step().rows();
        batch.add(run);
      }
    }
    return rows;
  }

  /** Whether a run belongs in the batch being made: it has its memory. */
  private boolean admit(Order.Run run) {
    if (run.session().freed()) {
      refuse(run.result());
      return false;
    }
    try {
      long patienceNanos = Math.max(LEAST_PATIENCE_NANOS, PATIENCE_STEPS * lastNanos);
      return switch (admission.admit(run.session(), run.step(), System.nanoTime(), patienceNanos)) {
        case KvAdmission.Answer.Admitted admitted -> true;
        case KvAdmission.Answer.Next next -> {
          postponed.add(run);
          yield false;
        }
        case KvAdmission.Answer.Refused refused -> {
          run.result().complete(refused.why());
          yield false;
        }
      };
    } catch (RuntimeException failure) {
      run.result().completeExceptionally(failure);
      return false;
    }
  }

  private void run(List<Order.Run> batch) {
    try {
      runTogether(batch);
    } catch (Throwable failure) {
      if (batch.size() == 1) {
        batch.getFirst().result().completeExceptionally(failure);
      } else {
        batch.forEach(each -> run(List.of(each))); // one session's failure is not another's
      }
    }
  }

  private void runTogether(List<Order.Run> batch) {
    long startNanos = System.nanoTime();
    Tensor states = input(batch);
    var segments = new ArrayList<Batch.Segment>();
    var asks = new ArrayList<Head.Ask>();
    int row = 0;
    for (Order.Run run : batch) {
      Step step = run.step();
      KvCache cache = run.session().cacheAt(step.first());
      segments.add(new Batch.Segment(cache, step.first(), step.rows()));
      int start = row;
      step.ask().ifPresent(sampling ->
          IntStream.range(start, start + step.rows()).forEach(each -> asks.add(new Head.Ask(each, sampling))));
      row += step.rows();
    }
    transformer.layers(new Batch(segments), states);
    deliver(batch, states, transformer.head(states, asks));
    count(row, asks.size());
    lastDecoding = (int) batch.stream().filter(run -> run.step().decodes()).count();
    lastNanos = System.nanoTime() - startNanos;
  }

  private Tensor input(List<Order.Run> batch) {
    if (batch.getFirst().step().input() instanceof Input.States) {
      return transformer.load(batch.stream().map(run -> ((Input.States) run.step().input()).rows()).toList());
    }
    return transformer.embed(batch.stream()
        .map(run -> ((Input.Tokens) run.step().input()).ids())
        .reduce((all, more) -> all.concat(more))
        .orElseThrow());
  }

  private void deliver(List<Order.Run> batch, Tensor states, List<Distribution> distributions) {
    int row = 0;
    int asked = 0;
    for (Order.Run run : batch) {
      Step step = run.step();
      Optional<HiddenRows> kept =
          step.keepsStates() ? Optional.of(transformer.store(states, row, step.rows())) : Optional.empty();
      int answers = step.decodes() ? step.rows() : 0;
      run.result().complete(new Ran.Done(kept, distributions.subList(asked, asked + answers)));
      row += step.rows();
      asked += answers;
    }
  }

  private void count(int rows, int asked) {
    LaneStats last = stats;
    stats = new LaneStats(
        last.steps() + 1, last.rows() + rows, last.decodeSteps() + (asked > 0 ? 1 : 0), last.decodeRows() + asked);
  }
}
