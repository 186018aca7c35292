package dev.layermesh.engine.cpu;

import dev.layermesh.decoding.InputException;
import dev.layermesh.decoding.TokenIds;
import dev.layermesh.engine.kv.KvMemory;
import dev.layermesh.engine.kv.KvOptions;
import dev.layermesh.engine.kv.KvStats;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.NavigableMap;
import java.util.Optional;
import java.util.SequencedSet;

/**
 * The blocks of one stack, up to a budget: a free list, and the tree of blocks that sessions share by their tokens.
 * Blocks that no session uses any more stay in the tree until memory is short; the one that was let go first is evicted
 * first. Sessions let go of their last block first, so whatever is evicted has no followers left. Belongs to the lane's
 * thread, but for the counters.
 */
final class KvPool implements KvMemory {
  private final KvShape shape;
  private final boolean sharesPrefixes;
  private final int most;
  private final Deque<KvBlock> free = new ArrayDeque<>();
  private final SequencedSet<KvBlock> kept = new LinkedHashSet<>(); // without users, in the tree; let go first, first
  private final NavigableMap<TokenIds, KvPrefix> roots = KvPrefix.none();
  private int made;
  private volatile int used; // this and what follows is read by any thread
  private volatile int keptBlocks;
  private volatile long adopted;
  private volatile long copied;
  private volatile long evicted;

  KvPool(KvShape shape, KvOptions options) {
    this.shape = shape;
    this.sharesPrefixes = options.sharesPrefixes();
    this.most = (int) Math.min(Integer.MAX_VALUE, options.bytes() / Math.max(1, shape.bytes()));
    if (most < 1) {
      throw InputException.of("--kv-memory", options.bytes(), "keys and values of " + shape.positions()
          + " positions in " + shape.layers() + " layers take " + shape.bytes() + " bytes: give several times as much");
    }
  }

  KvShape shape() {
    return shape;
  }

  @Override
  public boolean sharesPrefixes() {
    return sharesPrefixes;
  }

  /** First blocks of prefixes. */
  NavigableMap<TokenIds, KvPrefix> roots() {
    return roots;
  }

  @Override
  public int blockPositions() {
    return shape.positions();
  }

  @Override
  public int blocks() {
    return most;
  }

  @Override
  public int available() {
    return most - used;
  }

  @Override
  public KvStats stats() {
    return new KvStats(most, shape.bytes(), used, keptBlocks, adopted, copied, evicted);
  }

  /** A block for one cache to write, of those {@link #available}; its content is of no use. */
  KvBlock take() {
    if (available() == 0) {
      throw new IllegalStateException("all " + most + " blocks are used");
    }
    if (free.isEmpty() && made < most) {
      made++;
      free.push(new KvBlock(shape));
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

  /** Makes a shared block its only user's own. What was kept of longer prefixes goes. */
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

  /** Lets other threads see how many blocks there are of each kind. */
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

  void countAdopted(int positions) {
    adopted += positions;
  }

  void countCopied() {
    copied++;
  }
}
