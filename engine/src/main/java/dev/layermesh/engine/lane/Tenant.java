package dev.layermesh.engine.lane;

import dev.layermesh.engine.Transformer;
import dev.layermesh.engine.kv.KvCache;
import java.util.Optional;

/**
 * The lane's own record of a session: its cache, and what {@link KvAdmission} remembers of it. {@link #stage} and
 * {@link #number} never change; the lane's thread alone uses the rest.
 */
final class Tenant {
  private final Transformer transformer;
  private final int stage;
  private final long number;
  private Optional<KvCache> cache = Optional.empty();
  private boolean freed;

  // Of KvAdmission.

  /** Positions that must have room before it starts: those known at first, or those it held when it was preempted. */
  int wanted;

  /** Whether it was preempted and its session has not been told yet. */
  boolean preempted;

  /** When it was first refused since it last ran. */
  long waitsSinceNanos;

  /** When it last ran or took shared rows. */
  long ranNanos;

  /** The last batch it was in. */
  long batch;

  /**
   * A session without a cache yet.
   *
   * @param transformer runs its rows
   * @param stage number of that transformer in the lane
   * @param number counts sessions up
   * @param wanted positions that must have room before it starts
   */
  Tenant(Transformer transformer, int stage, long number, int wanted) {
    this.transformer = transformer;
    this.stage = stage;
    this.number = number;
    this.wanted = wanted;
  }

  int stage() {
    return stage;
  }

  /** The lower, the older. */
  long number() {
    return number;
  }

  /** The cache, an empty one if there was none. */
  KvCache cache() {
    if (cache.isEmpty()) {
      cache = Optional.of(transformer.newCache());
    }
    return cache.get();
  }

  /**
   * The cache, cut to {@code length} positions.
   *
   * @throws IllegalStateException when it holds fewer
   */
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

  /** Ends the session. */
  void free() {
    freed = true;
    freeCache();
  }

  /** Gives all blocks back; the session may start again from position 0. */
  void freeCache() {
    cache.ifPresent(KvCache::close);
    cache = Optional.empty();
  }
}
