package dev.layermesh.engine.lane;

import dev.layermesh.engine.Transformer;
import dev.layermesh.engine.backend.DeviceLostException;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import java.util.stream.Stream;

/**
 * The single writer of a device: one thread runs its transformers, a stage each, and owns all their caches. Sessions
 * submit steps and wait. Each batch takes the waiting steps of one stage, decoding before prefill, up to {@code
 * maxRows} rows. Each stage has its own memory for keys and values and admits sessions by it.
 *
 * <p>That thread is the lane's own after {@link #start}. A lane made by the constructor has none: its caller runs one
 * batch at a time with {@link #runOnce}, so that a test decides what is in it.
 *
 * <p>The session that submits a step allocates what the step needs; other objects are made once. So the lane's thread
 * allocates nothing per token, except the task that the JDK makes to wake a virtual thread. Lists are read by index,
 * because the compiler does not always remove an iterator.
 */
public final class InferenceLane implements AutoCloseable {
  private static final long LEAST_PATIENCE_NANOS = 200_000_000; // the pause between two rounds is no idleness
  private static final int PATIENCE_STEPS = 20; // more than a round of drafting takes
  private static final int GATHER_SHARE = 4; // the lane waits for sessions at most this part of a step's time

  private final Stage[] stages;
  private final int maxRows;
  private final LongSupplier clock;
  private final Inbox inbox = new Inbox();
  private final AtomicLong sessions = new AtomicLong();
  private final CompletableFuture<Void> ended = new CompletableFuture<>();
  private final CompletableFuture<DeviceLostException> lost = new CompletableFuture<>();
  private final List<Order.Run> batch = new ArrayList<>();
  private Optional<Thread> thread = Optional.empty();
  private boolean stopped;
  private int awaited; // decoding sessions of the last step that have not submitted their next one yet
  private long lastNanos; // how long the last step took

  /**
   * A lane without a thread of its own. One thread calls {@link #runOnce} and {@link #close}, and nothing else may use
   * {@code transformers} any more.
   *
   * @param transformers the stages, all on one device
   * @param maxRows of a batch
   * @param clock nanoseconds, as {@link System#nanoTime} counts them
   */
  public InferenceLane(List<Transformer> transformers, int maxRows, LongSupplier clock) {
    this.stages = transformers.stream().map(transformer -> new Stage(transformer, maxRows)).toArray(Stage[]::new);
    this.maxRows = maxRows;
    this.clock = clock;
  }

  /** Starts a lane with a thread of its own; see {@link #InferenceLane}. */
  public static InferenceLane start(String name, List<Transformer> transformers, int maxRows) {
    var lane = new InferenceLane(transformers, maxRows, System::nanoTime);
    Thread thread = Thread.ofPlatform().name("lane-" + name).daemon().unstarted(lane::work);
    lane.thread = Optional.of(thread);
    thread.start();
    return lane;
  }

  /** A session of the first stage with an empty cache; any thread. */
  public LaneSession open() {
    return open(0);
  }

  /** A session of a stage with an empty cache; any thread. */
  public LaneSession open(int stage) {
    return open(stage, 0);
  }

  /** The same for a session that needs at least {@code positions}: it starts when there is room for all of them. */
  public LaneSession open(int stage, int positions) {
    Tenant tenant = newTenant(stage, positions);
    return new LaneSession(inbox, stages[stage].transformer, tenant, partRows());
  }

  /** The record of a new session; any thread. */
  Tenant newTenant(int stage, int positions) {
    Transformer transformer = stages[stage].transformer;
    int wanted = positions == 0 ? 0 : positions + transformer.memory().blockPositions();
    return new Tenant(transformer, stage, sessions.getAndIncrement(), wanted);
  }

  /** Rows into which longer input is cut, so that a prompt shares its steps with sessions that decode. */
  private int partRows() {
    return Math.max(1, maxRows / 2);
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

  /**
   * Completed when the device is lost and the lane has therefore ended: all its steps fail from then on, so the worker
   * must leave the mesh. Never completed otherwise.
   */
  public CompletableFuture<DeviceLostException> lost() {
    return lost.copy();
  }

  /** Stops after the current batch; steps that still wait fail. Any thread, if the lane has its own. */
  @Override
  public void close() {
    inbox.close();
    inbox.add(new Order.Stop());
    if (thread.isEmpty()) {
      end();
    }
    ended.join();
  }

  private void work() {
    try {
      while (!stopped) {
        if (isIdle()) {
          inbox.awaitOrder();
        }
        gather();
        runOnce();
      }
    } finally {
      end();
    }
  }

  /** Fails all steps that wait. */
  private void end() {
    inbox.close();
    acceptAll();
    for (Stage stage : stages) {
      Stream.of(stage.urgent, stage.decoding, stage.prefilling).flatMap(Deque::stream).forEach(
          run -> inbox.refuse(run.result()));
    }
    ended.complete(null);
  }

  /**
   * Accepts the orders that wait and runs one batch of the stage that most sessions wait for. The thread that owns the
   * lane alone.
   *
   * @return whether there was a step to run or to refuse
   */
  public boolean runOnce() {
    acceptAll();
    if (stopped || isIdle()) {
      return false;
    }
    Stage stage = busiest();
    fill(stage);
    if (!stopped && !batch.isEmpty()) {
      run(stage, batch);
    }
    batch.clear();
    return true;
  }

  private boolean isIdle() {
    for (Stage stage : stages) {
      if (!stage.isIdle()) {
        return false;
      }
    }
    return true;
  }

  /**
   * Waits for the sessions of the last step. They submit their next one within microseconds, perhaps to another stage.
   * A wait that is short beside a step keeps them in one batch; otherwise they would take turns.
   */
  private void gather() {
    long deadline = clock.getAsLong() + lastNanos / GATHER_SHARE;
    acceptAll();
    while (awaited > 0 && clock.getAsLong() < deadline) {
      Thread.yield(); // the sessions may need this core
      acceptAll();
    }
  }

  private void acceptAll() {
    for (Order order = inbox.poll(); order != null; order = inbox.poll()) {
      accept(order);
    }
  }

  /** HitPrefix and Share leave {@link #awaited} as it is: the same session submits a step right after. */
  private void accept(Order order) {
    switch (order) {
      case Order.Run run -> {
        awaited--;
        Stage stage = stage(run.tenant());
        (run.step().decodes() ? stage.decoding : stage.prefilling).add(run);
      }
      case Order.HitPrefix hit when hit.tenant().freed() -> inbox.refuse(hit.result());
      case Order.HitPrefix hit -> complete(hit.result(), () -> stage(hit.tenant()).admission
          .hitPrefix(hit.tenant(), hit.first(), hit.ids(), clock.getAsLong()));
      case Order.Share share when share.tenant().freed() -> {}
      case Order.Share share -> share.tenant().cache().share(share.block(), share.ids(), share.states());
      case Order.Leave leave -> {
        awaited--;
        stage(leave.tenant()).admission.leave(leave.tenant());
      }
      case Order.Stop _ -> stopped = true;
    }
  }

  private Stage stage(Tenant tenant) {
    return stages[tenant.stage()];
  }

  private static <T> void complete(CompletableFuture<T> answer, Supplier<T> source) {
    try {
      answer.complete(source.get());
    } catch (RuntimeException failure) {
      answer.completeExceptionally(failure);
    }
  }

  /**
   * The stage that most sessions wait for, the first of equals. The others do not wait for long: sessions that have
   * drafted their windows move to the next stage, until most wait for that one.
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
   * Makes the batch that a stage runs next: decoding steps, then prefill. It takes one part of a prompt even beyond
   * {@link #maxRows}; otherwise a lane that never stops decoding would never start a prompt.
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
    while (!stopped && !queue.isEmpty() && (rows == 0 || rows + queue.peek().step().rows() <= limit)) {
      Order.Run run = queue.poll();
      if (admit(stage, run)) {
        rows += run.step().rows();
        batch.add(run);
      }
    }
    return rows;
  }

  /** Whether a step joins the batch being made: its memory is reserved. */
  private boolean admit(Stage stage, Order.Run run) {
    if (run.tenant().freed()) {
      inbox.refuse(run.result());
      return false;
    }
    try {
      long patienceNanos = Math.max(LEAST_PATIENCE_NANOS, PATIENCE_STEPS * lastNanos);
      return switch (stage.admission.admit(run.tenant(), run.step(), clock.getAsLong(), patienceNanos)) {
        case KvAdmission.Decision.Admitted _ -> true;
        case KvAdmission.Decision.NextBatch _ -> {
          stage.postponed.add(run);
          yield false;
        }
        case KvAdmission.Decision.Refused refused -> {
          run.result().complete(Optional.of(refused.why()));
          yield false;
        }
      };
    } catch (DeviceLostException gone) {
      run.result().completeExceptionally(gone);
      lose(gone, batch);
      return false;
    } catch (RuntimeException failure) {
      run.result().completeExceptionally(failure);
      return false;
    }
  }

  /** Ends the lane: no later step can run on its device. */
  private void lose(DeviceLostException gone, List<Order.Run> runs) {
    stopped = true;
    inbox.close(gone);
    runs.forEach(each -> each.result().completeExceptionally(gone));
    lost.complete(gone);
  }

  private void run(Stage stage, List<Order.Run> runs) {
    try {
      runTogether(stage, runs);
    } catch (DeviceLostException gone) {
      lose(gone, runs);
    } catch (Throwable failure) {
      if (runs.size() == 1) {
        runs.getFirst().result().completeExceptionally(failure);
      } else {
        runs.forEach(each -> runAlone(stage, each));
      }
    }
  }

  /** Runs a step of a batch that failed, so that only the session that causes the failure sees it. */
  private void runAlone(Stage stage, Order.Run run) {
    if (stopped) {
      inbox.refuse(run.result());
    } else {
      run(stage, List.of(run));
    }
  }

  private void runTogether(Stage stage, List<Order.Run> runs) {
    long startNanos = clock.getAsLong();
    stage.run(runs);
    acceptAll(); // before the count starts: these orders are not from sessions of this step
    awaited = 0;
    for (int i = 0; i < runs.size(); i++) {
      awaited += runs.get(i).step().decodes() ? 1 : 0;
    }
    for (int i = 0; i < runs.size(); i++) {
      runs.get(i).result().complete(Optional.empty());
    }
    lastNanos = clock.getAsLong() - startNanos;
  }
}
