package dev.layermesh.engine.kv;

/**
 * Memory for keys and values of the sessions of one stack, in blocks of a fixed number of positions. Belongs to the
 * thread that runs the stack, but for the sizes, which never change, and the counters.
 */
public interface KvMemory {

  /** Positions of a block. */
  int blockPositions();

  /** Whether caches may share blocks. */
  boolean sharesPrefixes();

  /** Blocks there may be. */
  int blocks();

  /** Blocks that a session could take now: free ones, and those kept only for sessions to come. */
  int available();

  /** What became of the blocks since the start; any thread. */
  KvStats stats();
}
