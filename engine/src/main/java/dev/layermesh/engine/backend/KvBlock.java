package dev.layermesh.engine.backend;

import java.util.Optional;

/**
 * Keys and values of some neighbouring positions in all layers of a stack: what memory is handed out in, counted and
 * shared. A shared block is never written. Belongs to the lane's thread; helpers read it, and write rows of their own,
 * during a step.
 */
final class KvBlock {
  private final float[][] keys; // [L][HKV, HD, stride]
  private final float[][] values; // [L][HKV, positions, HD]
  private int users;
  private Optional<KvPrefix> prefix = Optional.empty();

  KvBlock(KvShape shape) {
    keys = new float[shape.layers()][shape.keyElements()];
    values = new float[shape.layers()][shape.valueElements()];
  }

  float[] keys(int layer) {
    return keys[layer];
  }

  float[] values(int layer) {
    return values[layer];
  }

  void copy(KvBlock other) {
    for (int layer = 0; layer < keys.length; layer++) {
      System.arraycopy(other.keys[layer], 0, keys[layer], 0, keys[layer].length);
      System.arraycopy(other.values[layer], 0, values[layer], 0, values[layer].length);
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
