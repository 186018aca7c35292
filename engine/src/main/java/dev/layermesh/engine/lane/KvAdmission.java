package dev.layermesh.engine.lane;

import dev.layermesh.decoding.InputException;
import dev.layermesh.decoding.TokenIds;
import dev.layermesh.engine.kv.KvCache;
import dev.layermesh.engine.kv.PrefixHit;
import dev.layermesh.engine.kv.KvPool;
import java.util.Comparator;
import java.util.NavigableSet;
import java.util.Optional;
import java.util.TreeSet;

/**
 * Who gets memory for keys and values when it is short. Older sessions go first: one that needs a block takes the
 * cache of the youngest that is younger than itself, and waits if there is none. So the oldest always goes on, ends,
 * and makes the next one the oldest. A session begins when there is room for all positions it is known to need, and
 * not before an older one that waits.
 *
 * <p>Ages differ between the two sides of a split, so two sessions may each hold what the other waits for. Of two such
 * one is idle here, as it waits there: who has waited for long takes from whoever has been idle for long, older or not.
 * Belongs to the lane's thread, but for {@link #stats()}.
 */
final class KvAdmission {

  /** What a step is told. */
  sealed interface Answer {
    /** Its blocks are there. */
    record Admitted() implements Answer {}

    /** Its blocks are in use by younger sessions of the batch being made: it goes first into the next one. */
    record Next() implements Answer {}

    /** It is not to run. */
    record Refused(Ran.Refused why) implements Answer {}
  }

  private static final Answer ADMITTED = new Answer.Admitted();
  private static final Answer NEXT = new Answer.Next();
  private static final Answer NO_ROOM = new Answer.Refused(new Ran.NoRoom());

  private final KvPool memory;
  private final NavigableSet<LaneSession> holders = new TreeSet<>(Comparator.comparingLong(LaneSession::number));
  private final NavigableSet<LaneSession> waiting = new TreeSet<>(Comparator.comparingLong(LaneSession::number));
  private long batch; // number of the one being made
  private volatile long refused; // written here alone, read by any thread
  private volatile long preempted;

  KvAdmission(KvPool memory) {
    this.memory = memory;
  }

  /** A batch begins to be made: no session is in it. */
  void startBatch() {
    batch++;
  }

  /**
   * Takes the blocks of a step.
   *
   * @param patienceNanos how long waiting and idling are short
   * @throws InputException when they are more than there are
   * @throws IllegalStateException when the step does not continue the session's cache
   */
  Answer admit(LaneSession session, Step step, long nowNanos, long patienceNanos) {
    Tenancy tenancy = session.tenancy();
    if (tenancy.lost && step.first() > session.cache().length()) {
      tenancy.lost = false;
      return new Answer.Refused(new Ran.Lost(session.cache().length()));
    }
    KvCache cache = session.cacheAt(step.first());
    tenancy.lost = false;
    int blocks = blocks(step.end());
    if (blocks > memory.blocks()) {
      throw InputException.of("--kv-memory", memory.blocks() + " blocks", "position " + (step.end() - 1)
          + " of a session needs " + blocks + " blocks of " + memory.blockPositions() + " positions");
    }
    holders.add(session);
    if (cache.blocks() > 0 || !behindOlder(session)) {
      Answer answer = makeRoom(session, cache, step.end(), nowNanos, patienceNanos);
      if (answer != NO_ROOM) {
        return answer;
      }
    }
    if (waiting.add(session)) {
      tenancy.waitsSinceNanos = nowNanos;
    }
    refused++;
    return NO_ROOM;
  }

  /** Whether a session that begins would take what an older one waits for. */
  private boolean behindOlder(LaneSession session) {
    return waiting.lower(session) != null;
  }

  private Answer makeRoom(LaneSession session, KvCache cache, int positions, long now, long patience) {
    Tenancy tenancy = session.tenancy();
    int wanted = Math.min(memory.blocks(), blocks(tenancy.wanted));
    while (Math.max(cache.missing(positions), wanted - cache.blocks()) > memory.available()) {
      Optional<LaneSession> victim = victim(session, now, patience);
      if (victim.isEmpty()) {
        if (cache.blocks() > 0) {
          cache.reserve(positions); // what there is, or it would go to whoever asks next
        }
        return holders.tailSet(session, false).stream().anyMatch(this::inBatch) ? NEXT : NO_ROOM;
      }
      preempt(victim.get());
    }
    if (!cache.reserve(positions)) {
      throw new IllegalStateException("no room for " + positions + " positions: " + memory.stats());
    }
    waiting.remove(session);
    tenancy.wanted = 0;
    tenancy.ranNanos = now;
    tenancy.batch = batch;
    return ADMITTED;
  }

  /** Who makes room: the youngest of those that are younger, or, for one that has waited long, of those long idle. */
  private Optional<LaneSession> victim(LaneSession session, long now, long patience) {
    boolean waitedLong = waiting.contains(session) && now - session.tenancy().waitsSinceNanos > patience;
    return holders.descendingSet().stream()
        .filter(each -> each != session && !inBatch(each) && each.cache().blocks() > 0)
        .filter(each -> each.number() > session.number()
            || (waitedLong && !waiting.contains(each) && now - each.tenancy().ranNanos > patience))
        .findFirst();
  }

  private boolean inBatch(LaneSession session) {
    return session.tenancy().batch == batch;
  }

  private void preempt(LaneSession victim) {
    victim.tenancy().wanted = victim.cache().length() + 1;
    victim.tenancy().lost = true;
    victim.loseCache();
    holders.remove(victim);
    preempted++;
  }

  /**
   * Lets a session begin with rows of others from {@code first} on; not if older ones wait, or it has lost what was
   * before.
   */
  PrefixHit adopt(LaneSession session, int first, TokenIds ids, long nowNanos) {
    KvCache cache = session.cache();
    if (cache.length() < first || (cache.blocks() == 0 && behindOlder(session))) {
      return PrefixHit.NONE;
    }
    cache.truncate(first);
    holders.add(session);
    session.tenancy().ranNanos = nowNanos;
    return cache.hitPrefix(ids);
  }

  /** A session is over. */
  void leave(LaneSession session) {
    session.freeCache();
    holders.remove(session);
    waiting.remove(session);
  }

  /** Any thread. */
  MemoryStats stats() {
    return new MemoryStats(memory.stats(), refused, preempted);
  }

  private int blocks(int positions) {
    return Math.ceilDiv(positions, memory.blockPositions());
  }
}
