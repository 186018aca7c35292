package dev.layermesh.mesh.transport;

import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.function.ToIntFunction;

/**
 * Puts numbered items in order that arrive in any order, some of them twice. An item covers as many numbers as its
 * length; the next item starts where it ends. Not thread-safe: its owner guards it.
 */
final class InOrder<T> {
  private final Map<Integer, T> held = new HashMap<>();
  private final int ahead;
  private final ToIntFunction<T> length;
  private int next;

  /**
   * Starts empty.
   *
   * @param first number of the first item
   * @param ahead numbers from the next one on that are held; later ones are dropped and must be sent again
   * @param length numbers that an item covers, at least 1
   */
  InOrder(int first, int ahead, ToIntFunction<T> length) {
    this.next = first;
    this.ahead = ahead;
    this.length = length;
  }

  /** Number of the next item to take. */
  int next() {
    return next;
  }

  /** Whether the item was taken or is held. */
  boolean knows(int number) {
    return number < next || held.containsKey(number);
  }

  /** Holds the item that starts at {@code number}; drops it if it is known or too far ahead. */
  void put(int number, T item) {
    if (!knows(number) && number - next < ahead) {
      held.put(number, item);
    }
  }

  /** Takes the next item, if it has arrived. */
  Optional<T> take() {
    Optional<T> item = Optional.ofNullable(held.remove(next));
    item.ifPresent(taken -> next += length.applyAsInt(taken));
    return item;
  }
}
