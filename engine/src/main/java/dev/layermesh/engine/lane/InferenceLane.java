package dev.layermesh.engine.lane;

import dev.layermesh.decoding.Distribution;
import dev.layermesh.decoding.HiddenRows;
import dev.layermesh.engine.backend.Batch;
import dev.layermesh.engine.backend.Head;
import dev.layermesh.engine.backend.KvCache;
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
import java.util.stream.IntStream;

/**
 * The single writer of a device: one platform thread owns the transformers on it, a stage each, and all their caches.
 * Sessions submit steps and wait; each batch takes what is there for one stage, decoding rows before prefill, up to
 * {@code maxRows} rows.
 */
public final class InferenceLane implements AutoCloseable {
  /**
   * Rows of a batch unless told otherwise: enough to share the weights, short enough to keep decoding sessions
   * moving.
   */
  public static final int DEFAULT_MAX_ROWS = 128;

  private static final int GATHER_SHARE = 4; // of a step's time, at most, goes into waiting for company

  private sealed interface Order {
    record Run(LaneSession session, Step step, CompletableFuture<Step.Result> result) implements Order {}

    record Forget(LaneSession session) implements Order {}

    record Stop() implements Order {}
  }

  /** A transformer, and who waits for it. */
  private static final class Stage {
    private final Transformer transformer;
    private final Deque<Order.Run> decoding = new ArrayDeque<>();
    private final Deque<Order.Run> prefilling = new ArrayDeque<>();
    private volatile LaneStats stats = new LaneStats(0, 0, 0, 0);

    Stage(Transformer transformer) {
      this.transformer = transformer;
    }
  }

  private final List<Stage> stages;
  private final int maxRows;
  private final BlockingQueue<Order> orders = new LinkedBlockingQueue<>();
  private final ExecutorService worker;
  private boolean stopped;
  private int awaited; // decoding sessions that the last step let go, less the orders that have come since
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
    return new LaneSession(this, stage);
  }

  /** Counters of the first stage; any thread. */
  public LaneStats stats() {
    return stats(0);
  }

  /** Counters of a stage; any thread. */
  public LaneStats stats(int stage) {
    return stages.get(stage).stats;
  }

  CompletableFuture<Step.Result> submit(LaneSession session, Step step) {
    var result = new CompletableFuture<Step.Result>();
    orders.add(new Order.Run(session, step, result));
    if (closed) {
      result.completeExceptionally(new IllegalStateException("lane closed"));
    }
    return result;
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
        accept(nobodyWaits() ? orders.take() : orders.poll());
        gather();
        Stage stage = busiest();
        List<Order.Run> batch = nextBatch(stage);
        if (!batch.isEmpty() && !stopped) {
          run(stage, batch);
        }
      }
    } catch (InterruptedException whoeverClosesIsInAHurry) {
      Thread.currentThread().interrupt();
    } finally {
      closed = true;
      acceptAll();
      for (Stage stage : stages) {
        stage.decoding.forEach(InferenceLane::refuse);
        stage.prefilling.forEach(InferenceLane::refuse);
      }
    }
  }

  private boolean nobodyWaits() {
    return stages.stream().allMatch(stage -> stage.decoding.isEmpty() && stage.prefilling.isEmpty());
  }

  private static void refuse(Order.Run run) {
    run.result().completeExceptionally(new IllegalStateException("session or lane closed"));
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

  private void accept(Order order) {
    switch (order) {
      case null -> { }
      case Order.Run run -> {
        awaited--;
        Stage stage = stages.get(run.session().stage());
        (run.step().decodes() ? stage.decoding : stage.prefilling).add(run);
      }
      case Order.Forget forget -> {
        awaited--;
        forget.session().freeCache();
      }
      case Order.Stop stop -> stopped = true;
    }
  }

  /**
   * The stage that most sessions wait for, the first of equals. The others are not left for long: who has drafted its
   * window waits for the next stage too, until that one has the most.
   */
  private Stage busiest() {
    Stage busiest = stages.getFirst();
    for (Stage stage : stages) {
      int more = Integer.compare(stage.decoding.size(), busiest.decoding.size());
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
    int rows = take(stage.decoding, batch, 0, maxRows);
    take(stage.prefilling, batch, rows, Math.max(maxRows, rows + partRows()));
    return batch;
  }

  private int take(Deque<Order.Run> queue, List<Order.Run> batch, int before, int limit) {
    int rows = before;
    while (!queue.isEmpty() && (rows == 0 || rows + queue.peek().step().rows() <= limit)) {
      Order.Run run = queue.poll();
      if (run.session().freed()) {
        refuse(run);
      } else {
        rows += run.step().rows();
        batch.add(run);
      }
    }
    return rows;
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
    List<Distribution> distributions = stage.transformer.head(states, asks);
    acceptAll(); // what comes after this comes back
    awaited = (int) batch.stream().filter(run -> run.step().decodes()).count();
    deliver(stage.transformer, batch, states, distributions);
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

  private static void deliver(
      Transformer transformer, List<Order.Run> batch, Tensor states, List<Distribution> distributions) {
    int row = 0;
    int asked = 0;
    for (Order.Run run : batch) {
      Step step = run.step();
      Optional<HiddenRows> kept =
          step.keepStates() ? Optional.of(transformer.store(states, row, step.rows())) : Optional.empty();
      int answers = step.ask().isPresent() ? step.rows() : 0;
      run.result().complete(new Step.Result(kept, List.copyOf(distributions.subList(asked, asked + answers))));
      row += step.rows();
      asked += answers;
    }
  }

  private static void count(Stage stage, int rows, int asked) {
    LaneStats last = stage.stats;
    stage.stats = new LaneStats(
        last.steps() + 1, last.rows() + rows, last.decodeSteps() + (asked > 0 ? 1 : 0), last.decodeRows() + asked);
  }
}
