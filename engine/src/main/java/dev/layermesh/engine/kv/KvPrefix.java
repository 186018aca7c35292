package dev.layermesh.engine.kv;

import dev.layermesh.decoding.HiddenRows;
import dev.layermesh.decoding.TokenIds;
import dev.layermesh.decoding.TokenSequence;
import java.util.NavigableMap;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * A node of the tree of all prefixes: a shared block, by its tokens, after the prefix that it was computed on. The tree
 * compares tokens and not hashes of them, since a collision would give a session the keys and values of another text.
 * Belongs to the lane's thread.
 */
final class KvPrefix {

  /** Children of a node, or of the root, in the order of their tokens: neighbours share the longest beginnings. */
  static NavigableMap<TokenIds, KvPrefix> none() {
    return new TreeMap<>(KvPrefix::compare);
  }

  /**
   * A node, and how many of the tokens asked for it begins with.
   *
   * @param length at least 1
   */
  record Match(KvPrefix prefix, int length) {}

  private final NavigableMap<TokenIds, KvPrefix> siblings;
  private final NavigableMap<TokenIds, KvPrefix> followers = none();
  private final TokenIds ids;
  private final KvBlock block;
  private final Optional<HiddenRows> states;

  /**
   * A node, not yet among its siblings.
   *
   * @param siblings the map it belongs in
   * @param ids of the block's positions, all of them
   * @param states the stack's output states at these positions, if a later session needs them
   */
  KvPrefix(
      NavigableMap<TokenIds, KvPrefix> siblings, TokenIds ids, KvBlock block, Optional<HiddenRows> states) {
    this.siblings = siblings;
    this.ids = ids;
    this.block = block;
    this.states = states;
  }

  TokenIds ids() {
    return ids;
  }

  KvBlock block() {
    return block;
  }

  Optional<HiddenRows> states() {
    return states;
  }

  NavigableMap<TokenIds, KvPrefix> followers() {
    return followers;
  }

  void grow() {
    siblings.put(ids, this);
  }

  void cut() {
    siblings.remove(ids);
  }

  /** The node among {@code siblings} that begins with most of {@code ids}. */
  static Optional<Match> longest(NavigableMap<TokenIds, KvPrefix> siblings, TokenIds ids) {
    return Stream.of(Optional.ofNullable(siblings.floorEntry(ids)), Optional.ofNullable(siblings.ceilingEntry(ids)))
        .flatMap(Optional::stream)
        .map(entry -> new Match(entry.getValue(), common(entry.getKey(), ids)))
        .filter(match -> match.length() > 0)
        .max((a, b) -> Integer.compare(a.length(), b.length()));
  }

  private static int common(TokenSequence a, TokenSequence b) {
    int shorter = Math.min(a.length(), b.length());
    for (int i = 0; i < shorter; i++) {
      if (a.id(i) != b.id(i)) {
        return i;
      }
    }
    return shorter;
  }

  private static int compare(TokenIds a, TokenIds b) {
    int common = common(a, b);
    return common < a.length() && common < b.length()
        ? Integer.compare(a.id(common), b.id(common))
        : Integer.compare(a.length(), b.length());
  }
}
