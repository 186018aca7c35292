package dev.layermesh.engine.lane;

import dev.layermesh.decoding.Distribution;
import dev.layermesh.decoding.HiddenRows;
import dev.layermesh.decoding.InputException;
import dev.layermesh.decoding.Sampler;
import dev.layermesh.decoding.SamplingParams;
import dev.layermesh.decoding.TokenIds;
import dev.layermesh.engine.Transformer;
import dev.layermesh.engine.backend.DeviceLostException;
import dev.layermesh.engine.kv.KvCache;
import dev.layermesh.engine.kv.PrefixHit;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.stream.IntStream;

/**
 * A client's handle on its session at one stage of a lane. Used by one thread at a time, which parks until the lane has
 * run its rows; {@link #close()} may come from any thread.
 */
public final class LaneSession implements AutoCloseable {
  private final Inbox inbox;
  private final Transformer transformer; // its sizes, which never change
  private final Tenant tenant; // handed to the lane with each order, never read here
  private final int partRows;
  private float[] logits = {}; // [rows, V], written by the lane while the session waits
  private volatile long rowsRun;

  /**
   * A handle.
   *
   * @param inbox of the lane
   * @param transformer of the stage
   * @param tenant the lane's record of the session
   * @param partRows see {@link #partRows()}
   */
  LaneSession(Inbox inbox, Transformer transformer, Tenant tenant, int partRows) {
    this.inbox = inbox;
    this.transformer = transformer;
    this.tenant = tenant;
    this.partRows = partRows;
  }

  /** Rows run for this session so far. */
  public long rowsRun() {
    return rowsRun;
  }

  /** Rows into which longer input is best cut, so that a prompt shares its steps with sessions that decode. */
  public int partRows() {
    return partRows;
  }

  /** Whether sessions share full blocks at all. */
  public boolean sharesPrefixes() {
    return transformer.memory().sharesPrefixes();
  }

  /** Positions of a block, the unit of sharing. */
  public int blockPositions() {
    return transformer.memory().blockPositions();
  }

  /** Room for states of some rows, for {@link #run} to fill; slices of it are room for fewer. */
  public HiddenRows room(int rows) {
    return transformer.room(rows);
  }

  /**
   * Runs tokens at positions from {@code first} on, after forgetting these positions.
   *
   * @param keep where the states after the last layer go: {@link #room} of as many rows together; empty if they are not
   *     kept
   * @param ask how to choose the token that follows each row; empty to compute no logits
   * @throws InputException when the rows need more memory than the lane has in all
   * @throws DeviceLostException when the lane has ended because its device is lost
   * @throws IllegalStateException when the step failed, or session or lane is closed
   */
  public StepResult run(int first, TokenIds ids, List<HiddenRows> keep, Optional<SamplingParams> ask)
      throws InterruptedException {
    return await(submit(first, new Step.Input.Tokens(ids), keep, ask), ask);
  }

  /** The same for rows that start from states of earlier layers; does not keep the states after the last layer. */
  public StepResult run(int first, HiddenRows states, Optional<SamplingParams> ask) throws InterruptedException {
    return await(submit(first, new Step.Input.States(states), List.of(), ask), ask);
  }

  /** The first half of {@link #run}: gives the order and does not wait. */
  Order.Run submit(int first, Step.Input input, List<HiddenRows> keep, Optional<SamplingParams> ask) {
    var step = new Step(first, input, ask.map(sampling -> ask(sampling, input.count())), keep);
    var order = new Order.Run(tenant, step, new CompletableFuture<>());
    inbox.add(order, order.result());
    return order;
  }

  /** The second half of {@link #run}: waits until the lane has carried out the order. */
  StepResult await(Order.Run order, Optional<SamplingParams> ask) throws InterruptedException {
    Step step = order.step();
    Optional<StepResult.Refused> refused = await(order.result(), step.first());
    if (refused.isPresent()) {
      return refused.get();
    }
    rowsRun += step.rows();
    return new StepResult.Done(ask.map(sampling -> distributions(step, sampling)).orElse(List.of()));
  }

  /** The tokens after some rows where the head chooses them itself, else their logits. */
  private Step.Ask ask(SamplingParams sampling, int rows) {
    return transformer.chooses(sampling)
        ? new Step.Ask.Choice(sampling, new int[rows])
        : new Step.Ask.Logits(logits(rows));
  }

  /** Room for the logits of some rows; the next step overwrites it. */
  private float[] logits(int rows) {
    int size = Math.multiplyExact(rows, vocabSize());
    if (logits.length < size) {
      logits = new float[size];
    }
    return logits;
  }

  /** The distributions of the next tokens, made by the session's thread while the lane runs other sessions. */
  private List<Distribution> distributions(Step step, SamplingParams sampling) {
    IntStream rows = IntStream.range(0, step.rows());
    return switch (step.ask().orElseThrow()) {
      case Step.Ask.Logits(float[] logits) ->
          rows.mapToObj(row -> Sampler.distribution(logits, row * vocabSize(), vocabSize(), sampling)).toList();
      case Step.Ask.Choice(_, int[] ids) ->
          rows.<Distribution>mapToObj(row -> new Distribution.Certain(ids[row])).toList();
    };
  }

  private int vocabSize() {
    return transformer.config().vocabSize();
  }

  /**
   * Forgets positions from {@code first} on and takes rows of {@code ids} from there on from blocks of other sessions
   * that began with the same tokens, as many as there are.
   */
  public PrefixHit hitPrefix(int first, TokenIds ids) throws InterruptedException {
    var result = new CompletableFuture<PrefixHit>();
    return await(inbox.add(new Order.HitPrefix(tenant, first, ids, result), result), first);
  }

  /** Lets other sessions begin with a full block of this one; see {@link KvCache#share}. */
  public void share(int block, TokenIds ids, Optional<HiddenRows> states) {
    inbox.add(new Order.Share(tenant, block, ids, states));
  }

  private static <T> T await(CompletableFuture<T> answer, int first) throws InterruptedException {
    try {
      return answer.get();
    } catch (ExecutionException failed) {
      if (failed.getCause() instanceof InputException wrong) {
        throw wrong;
      }
      if (failed.getCause() instanceof DeviceLostException lost) {
        throw lost;
      }
      throw new IllegalStateException(
          "rows from position " + first + " failed: " + failed.getCause(), failed.getCause());
    }
  }

  /** Frees the cache once steps under way are done; idempotent. */
  @Override
  public void close() {
    inbox.add(new Order.Leave(tenant));
  }
}
