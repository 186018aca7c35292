package dev.layermesh.engine.kv;

import dev.layermesh.decoding.InputException;

/**
 * Memory for keys and values.
 *
 * @param type of their elements
 * @param bytes that all sessions of a worker may use together, or in a backend's options those of one layer, at least 1
 * @param blockPositions positions of a block, the unit of allocation and of sharing, at least 1
 * @param sharesPrefixes whether sessions that begin with the same tokens share full blocks
 */
public record KvOptions(KvType type, long bytes, int blockPositions, boolean sharesPrefixes) {
  private static final int BLOCK_POSITIONS = 64; // long enough for kernels, short enough to waste little
  private static final int MEMORY_SHARE = 4; // weights and all else need memory too

  public KvOptions {
    if (bytes < 1) {
      throw InputException.of("--kv-memory", bytes, "must be 1 byte or more");
    }
    if (blockPositions < 1) {
      throw new IllegalArgumentException("blocks of " + blockPositions + " positions");
    }
  }

  /** As they are computed. */
  public KvOptions(long bytes, int blockPositions, boolean sharesPrefixes) {
    this(KvType.F32, bytes, blockPositions, sharesPrefixes);
  }

  /** A quarter of what the Java heap may grow to, and prefixes are shared. */
  public static KvOptions ofHeap() {
    return ofMemory(Runtime.getRuntime().maxMemory());
  }

  /** A quarter of so many bytes, the memory of a device, and prefixes are shared. */
  public static KvOptions ofMemory(long bytes) {
    return new KvOptions(Math.max(1, bytes / MEMORY_SHARE), BLOCK_POSITIONS, true);
  }

  /** The same, kept as another type. */
  public KvOptions withType(KvType other) {
    return new KvOptions(other, bytes, blockPositions, sharesPrefixes);
  }

  /** The same with another budget. */
  public KvOptions withBytes(long other) {
    return new KvOptions(type, other, blockPositions, sharesPrefixes);
  }

  /** The same, and every session computes its own. */
  public KvOptions unshared() {
    return new KvOptions(type, bytes, blockPositions, false);
  }

  /** The same in blocks of another size. */
  public KvOptions inBlocksOf(int positions) {
    return new KvOptions(type, bytes, positions, sharesPrefixes);
  }

  /** For so many layers, where this is for one. */
  public KvOptions ofLayers(int layers) {
    return withBytes(bytes > Long.MAX_VALUE / Math.max(1, layers) ? Long.MAX_VALUE : Math.max(1, bytes * layers));
  }

  /** A part of it, for one of {@code whole} parts' owners. */
  public KvOptions share(long part, long whole) {
    return withBytes(Math.max(1, (long) ((double) bytes * part / whole)));
  }
}
