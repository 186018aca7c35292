package dev.layermesh.engine.kv;

/**
 * What a backend brings for the keys and values of one stack: memory for blocks, which {@link KvPool} hands out by
 * number. A block holds the keys and values of {@link #blockPositions()} neighbouring positions in all attending layers
 * of the stack, in any form and in any memory. All methods but the sizes are called by the thread that runs the stack,
 * between steps.
 */
public interface KvStorage {

  /** Positions of a block. Never changes; any thread. */
  int blockPositions();

  /** Attending layers of the stack. Never changes; any thread. */
  int layers();

  /** Bytes of a block, which is what {@code --kv-memory} counts. Never changes; any thread. */
  long blockBytes();

  /**
   * Makes memory for one block more; its content is arbitrary.
   *
   * @param block its number: the first call makes block 0, and each further call the next one
   */
  void allocate(int block);

  /** Copies all of block {@code from} over block {@code to}; both are allocated. */
  void copy(int from, int to);
}
