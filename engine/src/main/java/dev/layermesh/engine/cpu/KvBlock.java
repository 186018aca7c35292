package dev.layermesh.engine.cpu;

import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * Keys and values of some neighbouring positions in all layers of a stack: what memory is handed out in, counted and
 * shared. A shared block is never written. Belongs to the lane's thread; helpers read it, and write rows of their own,
 * during a step.
 */
final class KvBlock {
  private final List<KvPage> layers;
  private int users;
  private Optional<KvPrefix> prefix = Optional.empty();

  KvBlock(KvShape shape) {
    layers = Stream.generate(() -> KvPage.of(shape)).limit(shape.layers()).toList();
  }

  KvPage layer(int index) {
    return layers.get(index);
  }

  void copy(KvBlock other) {
    for (int layer = 0; layer < layers.size(); layer++) {
      layers.get(layer).copy(other.layers.get(layer));
    }
  }

  /** Caches that hold it. */
  int users() {
    return users;
  }

  void used() {
    users++;
  }

  void unused() {
    if (--users < 0) {
      throw new IllegalStateException("a block with " + users + " users");
    }
  }

  /** Whether others may find it, so that nobody may write it. */
  boolean shared() {
    return prefix.isPresent();
  }

  /** The tokens it is found by, if it is. */
  Optional<KvPrefix> prefix() {
    return prefix;
  }

  void prefix(Optional<KvPrefix> found) {
    prefix = found;
  }
}
