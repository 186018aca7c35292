package dev.layermesh.engine.backend;

import dev.layermesh.decoding.InputException;

/**
 * Memory for keys and values.
 *
 * @param bytes all sessions of a worker may use together, at least 1
 * @param sharesPrefixes whether full blocks are kept, by their tokens, for sessions that begin alike
 */
public record KvOptions(long bytes, boolean sharesPrefixes) {
  private static final int HEAP_SHARE = 4; // a process may hold two sides of a model, and needs memory for more

  public KvOptions {
    if (bytes < 1) {
      throw InputException.of("--kv-memory", bytes, "must be 1 byte or more");
    }
  }

  /** A quarter of what the Java heap may grow to, and prefixes are shared. */
  public static KvOptions ofHeap() {
    return new KvOptions(Math.max(1, Runtime.getRuntime().maxMemory() / HEAP_SHARE), true);
  }

  /** The same with another budget. */
  public KvOptions withBytes(long other) {
    return new KvOptions(other, sharesPrefixes);
  }

  /** The same, and every session computes its own. */
  public KvOptions unshared() {
    return new KvOptions(bytes, false);
  }

  /** A part of it, for one of {@code whole} parts' owners. */
  public KvOptions share(long part, long whole) {
    return withBytes(Math.max(1, (long) ((double) bytes * part / whole)));
  }
}
