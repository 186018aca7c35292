package dev.layermesh.engine.cpu;

import dev.layermesh.decoding.HiddenRows;
import dev.layermesh.decoding.TokenIds;
import dev.layermesh.engine.kv.KvCache;
import java.util.ArrayList;
import java.util.List;
import java.util.NavigableMap;
import java.util.Optional;
import java.util.stream.IntStream;

/**
 * A session's keys and values in the layers of one {@link CpuLayerStack}: blocks of its pool. Those it shares come
 * first; a row that would go into one of them goes into a copy.
 */
final class CpuKvCache implements KvCache {
  private final CpuLayerStack owner;
  private final KvPool pool;
  private final int blockPositions;
  private final List<KvBlock> blocks = new ArrayList<>();
  private final List<KvPages> layers;
  private int length;
  private boolean closed;

  CpuKvCache(CpuLayerStack owner, KvPool pool) {
    this.owner = owner;
    this.pool = pool;
    this.blockPositions = pool.blockPositions();
    this.layers = IntStream.range(0, pool.shape().layers())
        .mapToObj(layer -> new KvPages(pool.shape(), layer, blocks))
        .toList();
  }

  @Override
  public int length() {
    return length;
  }

  @Override
  public void truncate(int length) {
    if (length < 0 || length > this.length) {
      throw new IllegalStateException("truncate to " + length + ", cache holds " + this.length);
    }
    this.length = length;
    if (nextIsShared()) {
      keep(pool.shape().blocks(length)); // nobody holds a shared block without those before it
    }
  }

  /** Whether the next row's block is there and shared. */
  private boolean nextIsShared() {
    int index = length / blockPositions;
    return index < blocks.size() && blocks.get(index).shared();
  }

  /** Lets go of all blocks but the first {@code count}, the last one first. */
  private void keep(int count) {
    while (blocks.size() > count) {
      pool.release(blocks.removeLast());
    }
  }

  @Override
  public void close() {
    closed = true;
    length = 0;
    keep(0);
  }

  /** Whether {@code stack} may run over it. */
  boolean servesIn(CpuLayerStack stack) {
    return owner == stack && !closed;
  }

  /** Pages of the {@code index}th attending layer. */
  KvPages layer(int index) {
    return layers.get(index);
  }

  @Override
  public int blocks() {
    return blocks.size();
  }

  @Override
  public int missing(int positions) {
    int copies = nextIsShared() && blocks.get(length / blockPositions).users() > 1 ? 1 : 0;
    return Math.max(0, pool.shape().blocks(positions) - blocks.size()) + copies;
  }

  @Override
  public boolean reserve(int positions) {
    if (nextIsShared() && !own(length / blockPositions)) {
      return false;
    }
    while (blocks.size() < pool.shape().blocks(positions)) {
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
      KvBlock own = pool.take();
      own.copy(shared);
      blocks.set(index, own);
      pool.release(shared);
      pool.countCopied();
    } else if (shared.users() == 1) {
      pool.reclaim(shared);
    } else {
      return false;
    }
    return true;
  }

  @Override
  public Adopted adopt(TokenIds ids) {
    int first = length;
    var states = new ArrayList<HiddenRows>();
    boolean whole = true;
    while (whole && length - first < ids.length()) {
      int before = length;
      find(ids.slice(before - first, ids.length())).ifPresent(match -> take(match, states));
      whole = length > before && length % blockPositions == 0;
    }
    pool.countAdopted(length - first);
    return new Adopted(length - first, states);
  }

  /** The shared block that goes on best, from the start of the next row's block on. */
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

  /** What was computed after the blocks before {@code index}, if those are shared. */
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

  @Override
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

  /** Says that positions up to {@code length} are written. */
  void advance(int length) {
    this.length = length;
  }
}
