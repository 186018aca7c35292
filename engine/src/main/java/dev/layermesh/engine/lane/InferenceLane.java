package dev.layermesh.engine.lane;

import dev.layermesh.decoding.HiddenRows;
import dev.layermesh.decoding.TokenIds;
import dev.layermesh.engine.Transformer;
import dev.layermesh.engine.kv.PrefixHit;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Supplier;
import java.util.stream.Stream;

/**
 * The single writer of a device: one platform thread owns the transformers on it, a stage each, and all their caches.
 * Sessions submit steps and wait; each batch takes what is there for one stage, decoding rows before prefill, up to
 * {@code maxRows} rows. Each stage has its own memory for keys and values, and admits sessions by it.
 *
 * <p>What a step needs is made by the session that asks for it, or once: the lane's thread allocates nothing per token,
 * but for the task that the JDK makes of a virtual thread that is woken. Lists are read by index, since whether an
 * iterator is left out is the compiler's whim.
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

  /** What sessions tell the lane. */
  sealed interface Order {
    record Run(LaneSession session, Step step, CompletableFuture<Optional<Ran.Refused>> result) implements Order {}

    record Adopt(LaneSession session, int first, TokenIds ids, CompletableFuture<PrefixHit> result) implements Order {}

    record Share(LaneSession session, int block, TokenIds ids, Optional<HiddenRows> states) implements Order {}

    record Forget(LaneSession session) implements Order {}

    record Stop() implements Order {}
  }

  private final Stage[] stages;
  private final int maxRows;
  private final Queue<Order> orders = new ConcurrentLinkedQueue<>();
  private final AtomicLong sessions = new AtomicLong();
  private final Thread thread;
  private final CompletableFuture<Void> ended = new CompletableFuture<>();
  private final List<Order.Run> batch = new ArrayList<>();
  private boolean stopped;
  private int awaited; // decoding sessions that the last step let go, less those that have come since
  private long lastNanos; // what the last step took
  private volatile boolean closed;

  /** Starts a lane of one stage. */
  public InferenceLane(String name, Transformer transformer, int maxRows) {
    this(name, List.of(transformer), maxRows);
  }

  /** Starts a lane; from here on nobody else may use {@code transformers}, which are on one device. */
  public InferenceLane(String name, List<Transformer> transformers, int maxRows) {
    this.stages = transformers.stream().map(transformer -> new Stage(transformer, maxRows)).toArray(Stage[]::new);
    this.maxRows = maxRows;
    this.thread = Thread.ofPlatform().name("lane-" + name).daemon().unstarted(this::work);
    thread.start();
  }

  /** What runs at a stage; its sizes may be read by any thread. */
  Transformer transformer(int stage) {
    return stages[stage].transformer;
  }

  /** Rows that a longer input is cut to, so that a prompt shares its steps with sessions that decode. */
  int partRows() {
    return Math.max(1, maxRows / 2);
  }

  /** A session of the first stage with an empty cache; any thread. */
  public LaneSession open() {
    return open(0);
  }

  /** A session of a stage with an empty cache; any thread. */
  public LaneSession open(int stage) {
    return open(stage, 0);
  }

  /** The same, of which it is known that it needs {@code positions} at least: it begins when there is room for them. */
  public LaneSession open(int stage, int positions) {
    return new LaneSession(this, stage, sessions.getAndIncrement(), positions);
  }

  /** Counters of the first stage; any thread. */
  public LaneStats stats() {
    return stats(0);
  }

  /** Counters of a stage; any thread. */
  public LaneStats stats(int stage) {
    return stages[stage].stats();
  }

  /** How a stage's memory for keys and values is used; any thread. */
  public MemoryStats memory(int stage) {
    return stages[stage].admission.stats();
  }

  /** Answered with why the rows were not run, if they were not. */
  CompletableFuture<Optional<Ran.Refused>> submit(LaneSession session, Step step) {
    var result = new CompletableFuture<Optional<Ran.Refused>>();
    return order(new Order.Run(session, step, result), result);
  }

  CompletableFuture<PrefixHit> adopt(LaneSession session, int from, TokenIds ids) {
    var result = new CompletableFuture<PrefixHit>();
    return order(new Order.Adopt(session, from, ids, result), result);
  }

  private <T> CompletableFuture<T> order(Order order, CompletableFuture<T> result) {
    tell(order);
    if (closed) {
      refuse(result);
    }
    return result;
  }

  void share(LaneSession session, int block, TokenIds ids, Optional<HiddenRows> states) {
    tell(new Order.Share(session, block, ids, states));
  }

  void forget(LaneSession session) {
    tell(new Order.Forget(session));
  }

  private void tell(Order order) {
    orders.add(order);
    LockSupport.unpark(thread);
  }

  /** Stops after the current batch; steps that still wait fail. */
  @Override
  public void close() {
    closed = true;
    tell(new Order.Stop());
    ended.join();
  }

  private void work() {
    try {
      while (!stopped) {
        accept(isIdle() ? awaitOrder() : orders.poll());
        gather();
        if (!stopped) {
          runNext(busiest());
        }
      }
    } finally {
      closed = true;
      acceptAll();
      for (Stage stage : stages) {
        Stream.of(stage.urgent, stage.decoding, stage.prefilling)
            .flatMap(Deque::stream)
            .forEach(run -> refuse(run.result()));
      }
      ended.complete(null);
    }
  }

  private boolean isIdle() {
    for (Stage stage : stages) {
      if (!stage.isIdle()) {
        return false;
      }
    }
    return true;
  }

  /** Parks until there is an order. */
  private Order awaitOrder() {
    Order order = orders.poll();
    while (order == null) {
      LockSupport.park(this);
      order = orders.poll();
    }
    return order;
  }

  private static void refuse(CompletableFuture<?> result) {
    result.completeExceptionally(new IllegalStateException("session or lane closed"));
  }

  /**
   * Takes what waits. Sessions that the last step let go come back within microseconds, be it to another stage: a wait
   * for them that is short beside a step keeps them together instead of leaving them to take turns.
   */
  private void gather() {
    long deadline = System.nanoTime() + lastNanos / GATHER_SHARE;
    acceptAll();
    while (awaited > 0 && System.nanoTime() < deadline) {
      Thread.yield(); // sessions may need this core to come back
      acceptAll();
    }
  }

  private void acceptAll() {
    for (Order order = orders.poll(); order != null; order = orders.poll()) {
      accept(order);
    }
  }

  /** Whoever adopts or shares is about to submit a step as well, and counts as come back when that is there. */
  private void accept(Order order) {
    switch (order) {
      case null -> { }
      case Order.Run run -> {
        awaited--;
        Stage stage = stage(run.session());
        (run.step().decodes() ? stage.decoding : stage.prefilling).add(run);
      }
      case Order.Adopt adopt when adopt.session().freed() -> refuse(adopt.result());
      case Order.Adopt adopt -> answer(adopt.result(), () -> stage(adopt.session()).admission
          .adopt(adopt.session(), adopt.first(), adopt.ids(), System.nanoTime()));
      case Order.Share share when share.session().freed() -> { }
      case Order.Share share -> share.session().cache().share(share.block(), share.ids(), share.states());
      case Order.Forget forget -> {
        awaited--;
        stage(forget.session()).admission.leave(forget.session());
      }
      case Order.Stop stop -> stopped = true;
    }
  }

  private Stage stage(LaneSession session) {
    return stages[session.stage()];
  }

  private static <T> void answer(CompletableFuture<T> result, Supplier<T> source) {
    try {
      result.complete(source.get());
    } catch (RuntimeException failure) {
      result.completeExceptionally(failure);
    }
  }

  /**
   * The stage that most sessions wait for, the first of equals. The others are not left for long: who has drafted its
   * window waits for the next stage too, until that one has the most.
   */
  private Stage busiest() {
    Stage busiest = stages[0];
    for (Stage stage : stages) {
      int more = Integer.compare(stage.pressing(), busiest.pressing());
      if (more > 0 || more == 0 && stage.prefilling.size() > busiest.prefilling.size()) {
        busiest = stage;
      }
    }
    return busiest;
  }

  /**
   * Makes the batch that a stage runs next: whoever waits for a token, then prefill. One part of a prompt goes along
   * even if it does not fit, or a lane that never stops decoding would never begin with it.
   */
  private void fill(Stage stage) {
    stage.admission.startBatch();
    int rows = take(stage, stage.urgent, 0, maxRows);
    rows = take(stage, stage.decoding, rows, maxRows);
    take(stage, stage.prefilling, rows, Math.max(maxRows, rows + partRows()));
    if (!stage.postponed.isEmpty()) {
      stage.urgent.addAll(stage.postponed);
      stage.postponed.clear();
    }
  }

  private int take(Stage stage, Deque<Order.Run> queue, int before, int limit) {
    int rows = before;
    while (!queue.isEmpty() && (rows == 0 || rows + queue.peek().step().rows() <= limit)) {
      Order.Run run = queue.poll();
      if (admit(stage, run)) {
        rows += run.step().rows();
        batch.add(run);
      }
    }
    return rows;
  }

  /** Whether a run belongs in the batch being made: it has its memory. */
  private boolean admit(Stage stage, Order.Run run) {
    if (run.session().freed()) {
      refuse(run.result());
      return false;
    }
    try {
      long patienceNanos = Math.max(LEAST_PATIENCE_NANOS, PATIENCE_STEPS * lastNanos);
      return switch (stage.admission.admit(run.session(), run.step(), System.nanoTime(), patienceNanos)) {
        case KvAdmission.Answer.Admitted admitted -> true;
        case KvAdmission.Answer.Next next -> {
          stage.postponed.add(run);
          yield false;
        }
        case KvAdmission.Answer.Refused refused -> {
          run.result().complete(Optional.of(refused.why()));
          yield false;
        }
      };
    } catch (RuntimeException failure) {
      run.result().completeExceptionally(failure);
      return false;
    }
  }

  private void runNext(Stage stage) {
    fill(stage);
    if (!batch.isEmpty()) {
      run(stage, batch);
      batch.clear();
    }
  }

  private void run(Stage stage, List<Order.Run> runs) {
    try {
      runTogether(stage, runs);
    } catch (Throwable failure) {
      if (runs.size() == 1) {
        runs.getFirst().result().completeExceptionally(failure);
      } else {
        runs.forEach(each -> run(stage, List.of(each))); // one session's failure is not another's
      }
    }
  }

  private void runTogether(Stage stage, List<Order.Run> runs) {
    long startNanos = System.nanoTime();
    stage.run(runs);
    acceptAll(); // what comes after this comes back
    awaited = 0;
    for (int i = 0; i < runs.size(); i++) {
      awaited += runs.get(i).step().decodes() ? 1 : 0;
    }
    for (int i = 0; i < runs.size(); i++) {
      runs.get(i).result().complete(Optional.empty());
    }
    lastNanos = System.nanoTime() - startNanos;
  }
}
