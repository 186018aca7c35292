package dev.layermesh.engine.kv;

import dev.layermesh.decoding.HiddenRows;
import dev.layermesh.decoding.TokenIds;
import java.util.ArrayList;
import java.util.List;
import java.util.NavigableMap;
import java.util.Optional;

/**
 * Which blocks hold the keys and values of one session in the layers of one stack, addressed by position: position p
 * lies in block {@code block(p / blockPositions)}. Forgetting is an assignment: the next rows overwrite what is behind
 * {@link #length()}. Blocks come from the stack's {@link KvPool}. Full ones may be shared with sessions that begin with
 * the same tokens; those come first, and a row that would go into one of them goes into a copy. Belongs to the thread
 * that runs the stack; other threads of a backend may read {@link #block} during a step.
 */
public final class KvCache implements AutoCloseable {
  private final KvPool pool;
  private final int blockPositions;
  private final List<KvBlock> blocks = new ArrayList<>();
  private int length;
  private boolean closed;

  KvCache(KvPool pool) {
    this.pool = pool;
    this.blockPositions = pool.blockPositions();
  }

  /** Positions cached, from 0. */
  public int length() {
    return length;
  }

  /** Forgets positions from {@code length} on; {@code length} is at most {@link #length()}. */
  public void truncate(int length) {
    if (length < 0 || length > this.length) {
      throw new IllegalStateException("truncate to " + length + ", cache holds " + this.length);
    }
    this.length = length;
    if (nextIsShared()) {
      keep(pool.blocksOf(length)); // a cache holds a shared block only together with those before it
    }
  }

  /** Whether the next row's block is there and shared. */
  private boolean nextIsShared() {
    int index = length / blockPositions;
    return index < blocks.size() && blocks.get(index).shared();
  }

  /** Releases all blocks but the first {@code count}, the last one first. */
  private void keep(int count) {
    while (blocks.size() > count) {
      pool.release(blocks.removeLast());
    }
  }

  /** Releases all blocks; idempotent. */
  @Override
  public void close() {
    closed = true;
    length = 0;
    keep(0);
  }

  /** Whether rows of the stack with this pool may run over it. */
  public boolean serves(KvPool stacks) {
    return pool == stacks && !closed;
  }

  /** The storage's number of the block that holds positions from {@code index * blockPositions} on. */
  public int block(int index) {
    return blocks.get(index).number();
  }

  /** Says that positions up to {@code length} are written. Called by a stack that ran the rows of a step. */
  public void advance(int length) {
    this.length = length;
  }

  /** Blocks held. */
  public int blocks() {
    return blocks.size();
  }

  /** Blocks it must take before it has room for {@code positions}. */
  public int missing(int positions) {
    int copies = nextIsShared() && blocks.get(length / blockPositions).users() > 1 ? 1 : 0;
    return Math.max(0, pool.blocksOf(positions) - blocks.size()) + copies;
  }

  /** Takes what is {@link #missing}; false when there are too few blocks, and then it keeps what it holds. */
  public boolean reserve(int positions) {
    if (nextIsShared() && !own(length / blockPositions)) {
      return false;
    }
    while (blocks.size() < pool.blocksOf(positions)) {
      if (pool.available() == 0) {
        return false;
      }
      blocks.add(pool.take());
    }
    return true;
  }

  /** Makes a shared block this cache's own. */
  private boolean own(int index) {
    KvBlock shared = blocks.get(index);
    if (pool.available() > 0) {
      blocks.set(index, pool.copy(shared));
      pool.release(shared);
    } else if (shared.users() == 1) {
      pool.reclaim(shared);
    } else {
      return false;
    }
    return true;
  }

  /**
   * Takes positions from {@link #length()} on out of blocks that other sessions shared, as far as their tokens are
   * {@code ids}. A cache that holds a block of its own before them gets none.
   */
  public PrefixHit hitPrefix(TokenIds ids) {
    int first = length;
    var states = new ArrayList<HiddenRows>();
    boolean whole = true;
    while (whole && length - first < ids.length()) {
      int before = length;
      find(ids.slice(before - first, ids.length())).ifPresent(match -> take(match, states));
      whole = length > before && length % blockPositions == 0;
    }
    pool.countHit(length - first);
    return new PrefixHit(length - first, states);
  }

  /** The shared block that holds most of the next positions, from the start of the next row's block on. */
  private Optional<KvPrefix.Match> find(TokenIds ids) {
    int index = length / blockPositions;
    int held = length % blockPositions;
    if (held > 0 && !nextIsShared()) {
      return Optional.empty();
    }
    TokenIds start = held == 0 ? TokenIds.empty() : blocks.get(index).prefix().orElseThrow().ids().slice(0, held);
    TokenIds wanted = start.concat(ids.slice(0, Math.min(ids.length(), blockPositions - held)));
    return followers(index).flatMap(all -> KvPrefix.longest(all, wanted)).filter(match -> match.length() > held);
  }

  /** Shared blocks that follow the blocks before {@code index}, if those are shared. */
  private Optional<NavigableMap<TokenIds, KvPrefix>> followers(int index) {
    return index == 0 ? Optional.of(pool.roots()) : blocks.get(index - 1).prefix().map(KvPrefix::followers);
  }

  private void take(KvPrefix.Match match, List<HiddenRows> states) {
    int index = length / blockPositions;
    int held = length % blockPositions;
    hold(index, match.prefix().block());
    match.prefix().states().ifPresent(all -> states.add(all.slice(held, match.length())));
    length += match.length() - held;
  }

  /** Puts a shared block in place of what is there. */
  private void hold(int index, KvBlock shared) {
    pool.use(shared);
    if (index == blocks.size()) {
      blocks.add(shared);
    } else {
      pool.release(blocks.set(index, shared));
    }
  }

  /**
   * Shares a full block of this cache, if the blocks before it are shared and its positions are still cached.
   *
   * @param block its index, from 0
   * @param ids tokens of its positions, from which, after those of the blocks before it, the rows were computed
   * @param states of its positions after the stack's last layer, for sessions that hit them
   */
  public void share(int block, TokenIds ids, Optional<HiddenRows> states) {
    if (!pool.sharesPrefixes() || (block + 1) * blockPositions > length || blocks.get(block).shared()) {
      return;
    }
    followers(block).ifPresent(siblings -> {
      Optional<KvPrefix> known = Optional.ofNullable(siblings.get(ids));
      if (known.isPresent()) {
        hold(block, known.get().block()); // the same bits, computed twice
      } else {
        var prefix = new KvPrefix(siblings, ids, blocks.get(block), states);
        prefix.grow();
        blocks.get(block).prefix(Optional.of(prefix));
      }
    });
  }
}
