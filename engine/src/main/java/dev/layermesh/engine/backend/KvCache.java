package dev.layermesh.engine.backend;

/**
 * Keys and values of one session for the layers of one stack, addressed by position. Forgetting is an assignment: rows
 * behind {@link #length()} are overwritten by whoever comes next. Belongs to the thread that runs the stack.
 */
public interface KvCache extends AutoCloseable {

  /** Positions held, from 0. */
  int length();

  /** Forgets positions from {@code length} on; {@code length} is at most {@link #length()}. */
  void truncate(int length);

  /** Gives the memory back; idempotent. */
  @Override
  void close();
}
