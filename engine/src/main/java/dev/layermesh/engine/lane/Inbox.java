package dev.layermesh.engine.lane;

import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.locks.LockSupport;

/**
 * The orders that a lane has not accepted yet, first come, first served. Any thread adds; one thread, the lane's, takes
 * and closes. No lock, and taking allocates nothing.
 */
final class Inbox {
  private final Queue<Order> orders = new ConcurrentLinkedQueue<>();
  private volatile Thread reader; // parks in awaitOrder
  private volatile boolean closed;
  private volatile RuntimeException reason = new IllegalStateException("session or lane closed");

  /** Adds an order without an answer. */
  void add(Order order) {
    orders.add(order);
    LockSupport.unpark(reader);
  }

  /** Adds an order that completes {@code answer}; fails it if the lane is closed. */
  <T> CompletableFuture<T> add(Order order, CompletableFuture<T> answer) {
    add(order);
    if (closed) {
      refuse(answer); // the lane may have taken its last order before this one came
    }
    return answer;
  }

  /** The next order, or null if there is none. */
  Order poll() {
    return orders.poll();
  }

  /** Parks the calling thread until there is an order. */
  void awaitOrder() {
    reader = Thread.currentThread();
    while (orders.isEmpty()) {
      LockSupport.park(this);
    }
  }

  /** From now on {@link #add} fails answers. */
  void close() {
    closed = true;
  }

  /** The same for a lane that ended by itself: answers fail with {@code why}. */
  void close(RuntimeException why) {
    reason = why;
    closed = true;
  }

  /** Fails the answer to an order of a closed session or lane. */
  void refuse(CompletableFuture<?> answer) {
    answer.completeExceptionally(reason);
  }
}
