package dev.layermesh.engine.lane;

import dev.layermesh.decoding.InputException;
import dev.layermesh.decoding.TokenIds;
import dev.layermesh.engine.kv.KvCache;
import dev.layermesh.engine.kv.KvPool;
import dev.layermesh.engine.kv.PrefixHit;
import java.util.Comparator;
import java.util.NavigableSet;
import java.util.Optional;
import java.util.TreeSet;

/**
 * Gives the sessions of a stage memory for keys and values, and decides which one to preempt when it is short. Older
 * sessions go first: one that needs a block takes the cache of the youngest session that is younger than itself, and
 * waits if there is none. So the oldest session always runs and ends, and the next one becomes the oldest. A session
 * starts when all positions known at its start have room, and not before an older one that waits.
 *
 * <p>The two sides of a split model count ages apart, so two sessions may each hold blocks that the other one waits
 * for. One of the two is then idle here, because it waits at the other side: a session that has waited for long takes
 * the cache of one that has been idle for long, even an older one.
 *
 * <p>Belongs to the lane's thread; any thread may call {@link #stats()}.
 */
final class KvAdmission {

  /** What happens to a step. */
  sealed interface Decision {
    /** It runs: its blocks are reserved. */
    record Admitted() implements Decision {}

    /** It runs in the next batch: younger sessions of the batch being made hold the blocks it needs. */
    record NextBatch() implements Decision {}

    /** It does not run. */
    record Refused(StepResult.Refused why) implements Decision {}
  }

  private static final Decision ADMITTED = new Decision.Admitted();
  private static final Decision NEXT_BATCH = new Decision.NextBatch();
  private static final Decision NO_ROOM = new Decision.Refused(new StepResult.NoRoom());

  private final KvPool memory;
  private final NavigableSet<Tenant> holders = new TreeSet<>(Comparator.comparingLong(Tenant::number));
  private final NavigableSet<Tenant> waiting = new TreeSet<>(Comparator.comparingLong(Tenant::number));
  private long batch; // number of the one being made
  private volatile long refused; // written by the lane's thread alone, read by any
  private volatile long preempted;

  KvAdmission(KvPool memory) {
    this.memory = memory;
  }

  /** Starts a batch; no session is in it. */
  void startBatch() {
    batch++;
  }

  /**
   * Reserves the blocks of a step.
   *
   * @param patienceNanos a session that waits or is idle for longer does so for long
   * @throws InputException when the step needs more blocks than there are
   * @throws IllegalStateException when the step does not continue the session's cache
   */
  Decision admit(Tenant tenant, Step step, long nowNanos, long patienceNanos) {
    if (tenant.preempted && step.first() > tenant.cache().length()) {
      tenant.preempted = false;
      return new Decision.Refused(new StepResult.Preempted(tenant.cache().length()));
    }
    KvCache cache = tenant.cacheAt(step.first());
    tenant.preempted = false;
    int blocks = memory.blocksOf(step.end());
    if (blocks > memory.blocks()) {
      throw InputException.of("--kv-memory", memory.blocks() + " blocks", "position " + (step.end() - 1)
          + " of a session needs " + blocks + " blocks of " + memory.blockPositions() + " positions");
    }
    holders.add(tenant);
    if (cache.blocks() > 0 || !behindOlder(tenant)) {
      Decision decision = makeRoom(tenant, cache, step.end(), nowNanos, patienceNanos);
      if (decision != NO_ROOM) {
        return decision;
      }
    }
    if (waiting.add(tenant)) {
      tenant.waitsSinceNanos = nowNanos;
    }
    refused++;
    return NO_ROOM;
  }

  /** Whether an older session waits for blocks. */
  private boolean behindOlder(Tenant tenant) {
    return waiting.lower(tenant) != null;
  }

  private Decision makeRoom(Tenant tenant, KvCache cache, int positions, long now, long patience) {
    int wanted = Math.min(memory.blocks(), memory.blocksOf(tenant.wanted));
    while (Math.max(cache.missing(positions), wanted - cache.blocks()) > memory.available()) {
      Optional<Tenant> victim = victim(tenant, now, patience);
      if (victim.isEmpty()) {
        if (cache.blocks() > 0) {
          cache.reserve(positions); // keeps the free blocks from the next session that asks
        }
        return holders.tailSet(tenant, false).stream().anyMatch(this::inBatch) ? NEXT_BATCH : NO_ROOM;
      }
      preempt(victim.get());
    }
    if (!cache.reserve(positions)) {
      throw new IllegalStateException("no room for " + positions + " positions: " + memory.stats());
    }
    waiting.remove(tenant);
    tenant.wanted = 0;
    tenant.ranNanos = now;
    tenant.batch = batch;
    return ADMITTED;
  }

  /** The session to preempt: the youngest of the younger ones, or, after a long wait, of those idle for long. */
  private Optional<Tenant> victim(Tenant tenant, long now, long patience) {
    boolean waitedLong = waiting.contains(tenant) && now - tenant.waitsSinceNanos > patience;
    return holders.descendingSet().stream()
        .filter(each -> each != tenant && !inBatch(each) && each.cache().blocks() > 0)
        .filter(each -> each.number() > tenant.number()
            || (waitedLong && !waiting.contains(each) && now - each.ranNanos > patience))
        .findFirst();
  }

  private boolean inBatch(Tenant tenant) {
    return tenant.batch == batch;
  }

  private void preempt(Tenant victim) {
    victim.wanted = victim.cache().length() + 1;
    victim.preempted = true;
    victim.freeCache();
    holders.remove(victim);
    preempted++;
  }

  /**
   * Takes rows of other sessions from position {@code first} on. Takes none if the session is about to start and an
   * older one waits, or if the cache no longer holds the positions before.
   */
  PrefixHit hitPrefix(Tenant tenant, int first, TokenIds ids, long nowNanos) {
    KvCache cache = tenant.cache();
    if (cache.length() < first || (cache.blocks() == 0 && behindOlder(tenant))) {
      return PrefixHit.NONE;
    }
    cache.truncate(first);
    holders.add(tenant);
    tenant.ranNanos = nowNanos;
    return cache.hitPrefix(ids);
  }

  /** Ends a session and frees its blocks. */
  void leave(Tenant tenant) {
    tenant.free();
    holders.remove(tenant);
    waiting.remove(tenant);
  }

  /** Any thread. */
  MemoryStats stats() {
    return new MemoryStats(memory.stats(), refused, preempted);
  }
}
