package dev.layermesh.engine.kv;

import java.util.Optional;

/**
 * A numbered block of a {@link KvStorage}: how many caches hold it, and the tokens it is shared by. A shared block is
 * never written. Belongs to the lane's thread; other threads may read {@link #number()} during a step.
 */
final class KvBlock {
  private final int number;
  private int users;
  private Optional<KvPrefix> prefix = Optional.empty();

  KvBlock(int number) {
    this.number = number;
  }

  /** Its number in the storage. */
  int number() {
    return number;
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
      throw new IllegalStateException("block " + number + " with " + users + " users");
    }
  }

  /** Whether other caches may find it; it must not be written then. */
  boolean shared() {
    return prefix.isPresent();
  }

  /** The node it is found by, if it is shared. */
  Optional<KvPrefix> prefix() {
    return prefix;
  }

  void prefix(Optional<KvPrefix> found) {
    prefix = found;
  }
}
