package dev.layermesh.engine.kv;

import dev.layermesh.decoding.HiddenRows;
import dev.layermesh.decoding.TokenIds;
import java.util.List;
import java.util.Optional;

/**
 * Keys and values of one session for the layers of one stack, addressed by position. Forgetting is an assignment: rows
 * behind {@link #length()} are overwritten by whoever comes next. Memory comes in blocks from the stack's {@link
 * KvMemory}; full ones may be shared with sessions that begin with the same tokens. Belongs to the thread that runs the
 * stack.
 */
public interface KvCache extends AutoCloseable {

  /**
   * The beginning of a session, found in blocks of others.
   *
   * @param positions adopted
   * @param states of these positions after the stack's last layer, in order, if they were shared with the blocks
   */
  record Adopted(int positions, List<HiddenRows> states) {
    public Adopted {
      states = List.copyOf(states);
    }
  }

  /** Positions held, from 0. */
  int length();

  /** Forgets positions from {@code length} on; {@code length} is at most {@link #length()}. */
  void truncate(int length);

  /** Blocks held. */
  int blocks();

  /** Blocks it must take before it has room for {@code positions}. */
  int missing(int positions);

  /** Takes what is {@link #missing}; false if there is not enough, and then nothing held is lost. */
  boolean reserve(int positions);

  /**
   * Takes positions from {@link #length()} on from blocks that others shared, as far as their tokens are {@code ids}.
   * Nothing, unless all that it holds is shared too.
   */
  Adopted adopt(TokenIds ids);

  /**
   * Lets others begin with a full block of this cache, if those before it are shared; not if it has been forgotten.
   *
   * @param block its number, from 0
   * @param ids tokens of its positions, on which, after those of the blocks before it, the rows were computed
   * @param states of its positions after the stack's last layer, for whoever adopts them
   */
  void share(int block, TokenIds ids, Optional<HiddenRows> states);

  /** Gives the memory back; idempotent. */
  @Override
  void close();
}
