package dev.layermesh.engine.lane;

import dev.layermesh.decoding.Distribution;
import dev.layermesh.decoding.HiddenRows;
import dev.layermesh.decoding.InputException;
import dev.layermesh.decoding.Sampler;
import dev.layermesh.decoding.SamplingParams;
import dev.layermesh.decoding.TokenIds;
import dev.layermesh.engine.kv.KvCache;
import dev.layermesh.engine.kv.PrefixHit;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.stream.IntStream;

/**
 * One session's cache at a stage of a lane. Used by one thread at a time, which parks until its rows have run; only
 * {@link #close()} may come from another.
 */
public final class LaneSession implements AutoCloseable {
  private final InferenceLane lane;
  private final int stage;
  private final long number;
  private float[] logits = {}; // [rows, V], written by the lane while the session waits
  private volatile long rowsRun;

  // The lane's thread alone.
  private final Tenancy tenancy;
  private Optional<KvCache> cache = Optional.empty();
  private boolean freed;

  /**
   * A session without a cache yet.
   *
   * @param stage which of the lane's transformers runs its rows
   * @param number counts sessions up
   * @param positions it will need at least
   */
  LaneSession(InferenceLane lane, int stage, long number, int positions) {
    this.lane = lane;
    this.stage = stage;
    this.number = number;
    this.tenancy = new Tenancy(positions == 0 ? 0 : positions + blockPositions());
  }

  /** Rows run for this session so far. */
  public long rowsRun() {
    return rowsRun;
  }

  /** Rows that longer input is best cut to, so that a prompt shares its steps with sessions that decode. */
  public int partRows() {
    return lane.partRows();
  }

  /** Whether full blocks may be shared at all. */
  public boolean sharesPrefixes() {
    return lane.transformer(stage).memory().sharesPrefixes();
  }

  /** Positions of a block, the unit of what is shared. */
  public int blockPositions() {
    return lane.transformer(stage).memory().blockPositions();
  }

  /**
   * Runs tokens at positions from {@code first} on, and forgets what was there. The states after the last layer are
   * kept.
   *
   * @param ask how to choose what follows each; empty when nobody wants to know
   */
  public Ran run(int first, TokenIds ids, Optional<SamplingParams> ask) throws InterruptedException {
    return run(first, new Step.Input.Tokens(ids), Optional.of(lane.transformer(stage).room(ids.length())), ask);
  }

  /** The same for states that earlier layers left; those after the last layer are not kept. */
  public Ran run(int first, HiddenRows states, Optional<SamplingParams> ask) throws InterruptedException {
    return run(first, new Step.Input.States(states), Optional.empty(), ask);
  }

  private Ran run(int first, Step.Input input, Optional<HiddenRows> states, Optional<SamplingParams> ask)
      throws InterruptedException {
    var step = new Step(first, input, ask.map(_ -> room(input.count())), states);
    Optional<Ran.Refused> refused = await(lane.submit(this, step), first);
    if (refused.isPresent()) {
      return refused.get();
    }
    rowsRun += step.rows();
    return new Ran.Done(states, ask.map(sampling -> distributions(step.rows(), sampling)).orElse(List.of()));
  }

  /** Room for the logits of some rows: the same for every step. */
  private float[] room(int rows) {
    int size = Math.multiplyExact(rows, vocabSize());
    if (logits.length < size) {
      logits = new float[size];
    }
    return logits;
  }

  /** What the next tokens are drawn from: the session's own thread makes it, while the lane runs others. */
  private List<Distribution> distributions(int rows, SamplingParams sampling) {
    return IntStream.range(0, rows)
        .mapToObj(row -> Sampler.distribution(logits, row * vocabSize(), vocabSize(), sampling))
        .toList();
  }

  private int vocabSize() {
    return lane.transformer(stage).config().vocabSize();
  }

  /**
   * Forgets positions from {@code first} on and begins there with rows of sessions that had the same tokens so far, if
   * there are any.
   */
  public PrefixHit adopt(int first, TokenIds ids) throws InterruptedException {
    return await(lane.adopt(this, first, ids), first);
  }

  /** Lets others begin with a full block of this session; see {@link KvCache#share}. */
  public void share(int block, TokenIds ids, Optional<HiddenRows> states) {
    lane.share(this, block, ids, states);
  }

  private static <T> T await(CompletableFuture<T> answer, int first) throws InterruptedException {
    try {
      return answer.get();
    } catch (ExecutionException failed) {
      if (failed.getCause() instanceof InputException wrong) {
        throw wrong;
      }
      throw new IllegalStateException(
          "rows from position " + first + " failed: " + failed.getCause(), failed.getCause());
    }
  }

  /** Frees the cache once steps under way are done; idempotent. */
  @Override
  public void close() {
    lane.forget(this);
  }

  // For the lane's thread alone.

  int stage() {
    return stage;
  }

  /** The lower, the older. */
  long number() {
    return number;
  }

  Tenancy tenancy() {
    return tenancy;
  }

  /** The cache, an empty one if there is none. */
  KvCache cache() {
    if (cache.isEmpty()) {
      cache = Optional.of(lane.transformer(stage).newCache());
    }
    return cache.get();
  }

  /** The cache, cut to {@code length} positions. */
  KvCache cacheAt(int length) {
    KvCache held = cache();
    if (held.length() < length) {
      throw new IllegalStateException("rows from position " + length + ", cache at " + held.length());
    }
    held.truncate(length);
    return held;
  }

  /** Whether the session is over. */
  boolean freed() {
    return freed;
  }

  void freeCache() {
    freed = true;
    loseCache();
  }

  void loseCache() {
    cache.ifPresent(KvCache::close);
    cache = Optional.empty();
  }
}
