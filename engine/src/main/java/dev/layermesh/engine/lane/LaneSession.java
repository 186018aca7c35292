package dev.layermesh.engine.lane;

import dev.layermesh.decoding.Distribution;
import dev.layermesh.decoding.HiddenRows;
import dev.layermesh.decoding.SamplingParams;
import dev.layermesh.decoding.TokenIds;
import dev.layermesh.engine.backend.KvCache;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutionException;

/**
 * One session's cache on a lane. Used by one thread at a time, which parks until its rows have run; only {@link
 * #close()} may come from another.
 */
public final class LaneSession implements AutoCloseable {
  private final InferenceLane lane;
  private final int stage;
  private volatile long rowsRun;
  private Optional<KvCache> cache = Optional.empty(); // the lane's thread alone
  private boolean freed; // the lane's thread alone

  LaneSession(InferenceLane lane, int stage) {
    this.lane = lane;
    this.stage = stage;
  }

  /** Which of the lane's transformers runs its rows. */
  int stage() {
    return stage;
  }

  /** Rows run for this session so far. */
  public long rowsRun() {
    return rowsRun;
  }

  /**
   * Runs known tokens at positions from {@code first} on.
   *
   * @return their states after the lane's last layer, a part for each step it took
   */
  public List<HiddenRows> extend(int first, TokenIds ids) throws InterruptedException {
    var parts = new ArrayList<HiddenRows>();
    for (int from = 0; from < ids.length(); from += lane.partRows()) {
      TokenIds part = ids.slice(from, Math.min(ids.length(), from + lane.partRows()));
      Step.Result result = run(new Step(first + from, new Step.Input.Tokens(part), true, Optional.empty()));
      parts.add(result.states().orElseThrow());
    }
    return parts;
  }

  /** Runs states at positions from {@code first} on, for the cache alone. */
  public void extend(int first, HiddenRows states) throws InterruptedException {
    for (int from = 0; from < states.count(); from += lane.partRows()) {
      HiddenRows part = states.slice(from, Math.min(states.count(), from + lane.partRows()));
      run(new Step(first + from, new Step.Input.States(part), false, Optional.empty()));
    }
  }

  /**
   * Runs one token at position {@code first} and asks for what follows it.
   *
   * @return its state after the last layer, and the distribution of the next token if {@code ask} says how to choose
   */
  public Drawn draw(int first, int id, Optional<SamplingParams> ask) throws InterruptedException {
    Step.Result result = run(new Step(first, new Step.Input.Tokens(TokenIds.of(id)), true, ask));
    return new Drawn(result.states().orElseThrow(), result.next().stream().findFirst());
  }

  /** A row and what its next token is drawn from. */
  public record Drawn(HiddenRows state, Optional<Distribution> next) {}

  /** Runs states at positions from {@code first} on and asks what follows each, in one batch. */
  public List<Distribution> judge(int first, HiddenRows states, SamplingParams sampling) throws InterruptedException {
    return run(new Step(first, new Step.Input.States(states), false, Optional.of(sampling))).next();
  }

  private Step.Result run(Step step) throws InterruptedException {
    try {
      Step.Result result = lane.submit(this, step).get();
      rowsRun += step.rows();
      return result;
    } catch (ExecutionException failed) {
      throw new IllegalStateException(
          step.rows() + " rows from position " + step.first() + " failed: " + failed.getCause(), failed.getCause());
    }
  }

  /** The cache, cut to {@code length} positions; the lane's thread alone. */
  KvCache cacheAt(int length) {
    KvCache held = cache.orElseGet(() -> lane.transformer(stage).newCache());
    cache = Optional.of(held);
    if (held.length() < length) {
      throw new IllegalStateException("rows from position " + length + ", cache at " + held.length());
    }
    held.truncate(length);
    return held;
  }

  /** Whether the cache is gone; the lane's thread alone. */
  boolean freed() {
    return freed;
  }

  /** The lane's thread alone. */
  void freeCache() {
    freed = true;
    cache.ifPresent(KvCache::close);
    cache = Optional.empty();
  }

  /** Frees the cache once steps under way are done; idempotent. */
  @Override
  public void close() {
    lane.forget(this);
  }
}
