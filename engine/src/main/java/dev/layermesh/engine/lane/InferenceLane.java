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
import java.util.stream.Stream;

/**
 * The single writer of a device: one platform thread owns the transformers on it, a stage each, and all their caches.
 * Sessions submit steps and wait; each batch takes what is there for one stage, decoding rows before prefill, up to
 * {@code maxRows} rows. Each stage has its own memory for keys and values, and admits sessions by it.
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

  /** A transformer, who waits for it, and who gets its memory. */
  private static final class Stage {
    private final Transformer transformer;
    private final KvAdmission admission;
    private final Deque<Order.Run> urgent = new ArrayDeque<>(); // found their memory taken by the batch before
    private final List<Order.Run> postponed = new ArrayList<>(); // the same, of the batch being made
    private final Deque<Order.Run> decoding = new ArrayDeque<>();
    private final Deque<Order.Run> prefilling = new ArrayDeque<>();
    private volatile LaneStats stats = new LaneStats(0, 0, 0, 0);
    private volatile MemoryStats memory;

    Stage(Transformer transformer) {
      this.transformer = transformer;
      this.admission = new KvAdmission(transformer.memory());
      this.memory = admission.stats();
    }

    /** Those who want a token soon. */
    int pressing() {
      return urgent.size() + decoding.size();
    }

    boolean isIdle() {
      return pressing() == 0 && prefilling.isEmpty();
    }
  }

  private final List<Stage> stages;
  private final int maxRows;
  private final BlockingQueue<Order> orders = new LinkedBlockingQueue<>();
  private final AtomicLong sessions = new AtomicLong();
  private final ExecutorService worker;
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
    this.stages = transformers.stream().map(Stage::new).toList();
    this.maxRows = maxRows;
    this.worker = Executors.newSingleThreadExecutor(Thread.ofPlatform().name("lane-" + name).daemon().factory());
    worker.execute(this::work);
  }

  /** What runs at a stage; its sizes may be read by any thread. */
  Transformer transformer(int stage) {
    return stages.get(stage).transformer;
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
    return stages.get(stage).stats;
  }

  /** How a stage's memory for keys and values is used; any thread. */
  public MemoryStats memory(int stage) {
    return stages.get(stage).memory;
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
        accept(stages.stream().allMatch(Stage::isIdle) ? orders.take() : orders.poll());
        gather();
        Stage stage = busiest();
        List<Order.Run> batch = nextBatch(stage);
        if (!batch.isEmpty() && !stopped) {
          run(stage, batch);
        }
        stages.forEach(each -> each.memory = each.admission.stats(each.memory));
      }
    } catch (InterruptedException whoeverClosesIsInAHurry) {
      Thread.currentThread().interrupt();
    } finally {
      closed = true;
      acceptAll();
      for (Stage stage : stages) {
        stage.memory = stage.admission.stats();
        Stream.of(stage.urgent, stage.decoding, stage.prefilling)
            .flatMap(Deque::stream)
            .forEach(run -> refuse(run.result()));
      }
    }
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
    return stages.get(session.stage());
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
    Stage busiest = stages.getFirst();
    for (Stage stage : stages) {
      int more = Integer.compare(stage.pressing(), busiest.pressing());
      if (more > 0 || more == 0 && stage.prefilling.size() > busiest.prefilling.size()) {
        busiest = stage;
      }
    }
    return busiest;
  }

  /**
   * What a stage runs next: whoever waits for a token, then prefill. One part of a prompt goes along even if it does
   * not fit, or a lane that never stops decoding would never begin with it.
   */
  private List<Order.Run> nextBatch(Stage stage) {
    var batch = new ArrayList<Order.Run>();
    stage.admission.startBatch();
    int rows = take(stage, stage.urgent, batch, 0, maxRows);
    rows = take(stage, stage.decoding, batch, rows, maxRows);
    take(stage, stage.prefilling, batch, rows, Math.max(maxRows, rows + partRows()));
    stage.urgent.addAll(stage.postponed);
    stage.postponed.clear();
    return batch;
  }

  private int take(Stage stage, Deque<Order.Run> queue, List<Order.Run> batch, int before, int limit) {
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
          run.result().complete(refused.why());
          yield false;
        }
      };
    } catch (RuntimeException failure) {
      run.result().completeExceptionally(failure);
      return false;
    }
  }

  private void run(Stage stage, List<Order.Run> batch) {
    try {
      runTogether(stage, batch);
    } catch (Throwable failure) {
      if (batch.size() == 1) {
        batch.getFirst().result().completeExceptionally(failure);
      } else {
        batch.forEach(each -> run(stage, List.of(each))); // one session's failure is not another's
      }
    }
  }

  private void runTogether(Stage stage, List<Order.Run> batch) {
    long startNanos = System.nanoTime();
    Tensor states = input(stage.transformer, batch);
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
    stage.transformer.layers(new Batch(segments), states);
    List<Ran> rans = rans(stage.transformer, batch, states, stage.transformer.head(states, asks));
    acceptAll(); // what comes after this comes back
    awaited = (int) batch.stream().filter(run -> run.step().decodes()).count();
    for (int i = 0; i < batch.size(); i++) {
      batch.get(i).result().complete(rans.get(i));
    }
    count(stage, row, asks.size());
    lastNanos = System.nanoTime() - startNanos;
  }

  private static Tensor input(Transformer transformer, List<Order.Run> batch) {
    if (batch.getFirst().step().input() instanceof Input.States) {
      return transformer.load(batch.stream().map(run -> ((Input.States) run.step().input()).rows()).toList());
    }
    return transformer.embed(batch.stream()
        .map(run -> ((Input.Tokens) run.step().input()).ids())
        .reduce((all, more) -> all.concat(more))
        .orElseThrow());
  }

  /** What each run of a batch is told. */
  private static List<Ran> rans(
      Transformer transformer, List<Order.Run> batch, Tensor states, List<Distribution> distributions) {
    var rans = new ArrayList<Ran>();
    int row = 0;
    int asked = 0;
    for (Order.Run run : batch) {
      Step step = run.step();
      Optional<HiddenRows> kept =
          step.keepsStates() ? Optional.of(transformer.store(states, row, step.rows())) : Optional.empty();
      int answers = step.ask().isPresent() ? step.rows() : 0;
      rans.add(new Ran.Done(kept, distributions.subList(asked, asked + answers)));
      row += step.rows();
      asked += answers;
    }
    return rans;
  }

  private static void count(Stage stage, int rows, int asked) {
    LaneStats last = stage.stats;
    stage.stats = new LaneStats(
        last.steps() + 1, last.rows() + rows, last.decodeSteps() + (asked > 0 ? 1 : 0), last.decodeRows() + asked);
  }
}
