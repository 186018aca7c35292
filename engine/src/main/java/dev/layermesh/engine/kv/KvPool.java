package dev.layermesh.engine.kv;

import dev.layermesh.decoding.InputException;
import dev.layermesh.decoding.TokenIds;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.NavigableMap;
import java.util.Optional;
import java.util.SequencedSet;

/**
 * The blocks of one stack up to a budget: a free list, and the tree of blocks that sessions share by their tokens. A
 * shared block without users stays in the tree until memory is short; the block that was released first is evicted
 * first. A cache releases its last block first, so an evicted block has no followers. Belongs to the thread that runs
 * the stack, but for the sizes, which never change, and {@link #available()} and {@link #stats()}, which any thread may
 * read.
 */
public final class KvPool {
  private final KvStorage storage;
  private final boolean sharesPrefixes;
  private final int most;
  private final Deque<KvBlock> free = new ArrayDeque<>();
  private final SequencedSet<KvBlock> kept = new LinkedHashSet<>(); // shared, without users; released first, first
  private final NavigableMap<TokenIds, KvPrefix> roots = KvPrefix.none();
  private int made;
  private volatile int used; // this and the counters below are written here alone and read by any thread
  private volatile int keptBlocks;
  private volatile long hitPositions;
  private volatile long copied;
  private volatile long evicted;

  /**
   * An empty pool.
   *
   * @param options the budget of each layer, and whether prefixes are shared
   * @throws InputException when the budget is less than a block
   */
  public KvPool(KvStorage storage, KvOptions options) {
    KvOptions all = options.ofLayers(storage.layers());
    this.storage = storage;
    this.sharesPrefixes = all.sharesPrefixes();
    this.most = (int) Math.min(Integer.MAX_VALUE, all.bytes() / Math.max(1, storage.blockBytes()));
    if (most < 1) {
      throw InputException.of("--kv-memory", all.bytes(), "keys and values of " + storage.blockPositions()
          + " positions in " + storage.layers() + " layers take " + storage.blockBytes()
          + " bytes: give several times as much");
    }
  }

  /** An empty cache for a session. */
  public KvCache newCache() {
    return new KvCache(this);
  }

  /** Whether caches may share blocks. */
  public boolean sharesPrefixes() {
    return sharesPrefixes;
  }

  /** First blocks of prefixes. */
  NavigableMap<TokenIds, KvPrefix> roots() {
    return roots;
  }

  /** Positions of a block. */
  public int blockPositions() {
    return storage.blockPositions();
  }

  /** Blocks that hold {@code positions} positions. */
  public int blocksOf(int positions) {
    return Math.ceilDiv(positions, blockPositions());
  }

  /** Blocks there may be. */
  public int blocks() {
    return most;
  }

  /** Blocks that a session could take now: free ones, and shared ones without users. Any thread. */
  public int available() {
    return most - used;
  }

  /** What became of the blocks since the start; any thread. */
  public KvStats stats() {
    return new KvStats(most, storage.blockBytes(), used, keptBlocks, hitPositions, copied, evicted);
  }

  /** A block for one cache to write, one of those {@link #available}; its content is arbitrary. */
  KvBlock take() {
    if (available() == 0) {
      throw new IllegalStateException("all " + most + " blocks are used");
    }
    if (free.isEmpty() && made < most) {
      storage.allocate(made);
      free.push(new KvBlock(made));
      made++;
    } else if (free.isEmpty()) {
      evict(kept.getFirst());
    }
    KvBlock block = free.pop();
    block.used();
    count();
    return block;
  }

  /** One cache more holds a shared block. */
  void use(KvBlock block) {
    if (block.users() == 0) {
      kept.remove(block);
      count();
    }
    block.used();
  }

  /** One cache less holds it. */
  void release(KvBlock block) {
    block.unused();
    if (block.users() == 0) {
      if (block.shared()) {
        kept.add(block);
      } else {
        free.push(block);
      }
      count();
    }
  }

  /** Makes a shared block its only user's own, and evicts the kept blocks of longer prefixes. */
  void reclaim(KvBlock block) {
    KvPrefix prefix = block.prefix().orElseThrow();
    List<KvPrefix> longer = new ArrayList<>(prefix.followers().values());
    while (!longer.isEmpty()) {
      KvPrefix last = longer.removeLast();
      longer.addAll(last.followers().values());
      last.followers().clear();
      evict(last.block());
    }
    prefix.cut();
    block.prefix(Optional.empty());
    count();
  }

  /** Publishes how many blocks there are of each kind. */
  private void count() {
    used = made - free.size() - kept.size();
    keptBlocks = kept.size();
  }

  private void evict(KvBlock block) {
    KvPrefix prefix = block.prefix().orElseThrow();
    if (block.users() != 0 || !prefix.followers().isEmpty()) {
      throw new IllegalStateException(
          "evicting a block with " + block.users() + " users and " + prefix.followers().size() + " followers");
    }
    prefix.cut();
    kept.remove(block);
    block.prefix(Optional.empty());
    free.push(block);
    evicted++;
  }

  void countHit(int positions) {
    hitPositions += positions;
  }

  /** A block of the caller's own with the content of {@code other}; there is one {@link #available}. */
  KvBlock copy(KvBlock other) {
    KvBlock own = take();
    storage.copy(other.number(), own.number());
    copied++;
    return own;
  }
}
