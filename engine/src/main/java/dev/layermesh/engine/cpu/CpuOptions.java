package dev.layermesh.engine.cpu;

import dev.layermesh.engine.backend.BackendOptions;
import dev.layermesh.engine.backend.Device;
import dev.layermesh.engine.kv.KvOptions;

/**
 * How a CPU backend spreads work and memory; none of it changes a bit of any result.
 *
 * @param threads that compute, the calling lane among them, at least 1
 * @param pagePositions positions of a page of keys and values
 * @param aloneBelow multiply-adds below which the lane does not wait for helpers
 * @param kv how much memory keys and values of a layer may take
 * @param pinCores whether each thread has a core of its own while it computes
 */
record CpuOptions(int threads, int pagePositions, long aloneBelow, KvOptions kv, boolean pinCores) {
  private static final long ALONE_BELOW = 1 << 17; // a few microseconds: what a hand-off takes

  CpuOptions {
    if (threads < 1 || pagePositions < 1 || aloneBelow < 0) {
      throw new IllegalArgumentException(
          threads + " threads, pages of " + pagePositions + ", alone below " + aloneBelow);
    }
  }

  /** A layout with default memory, on any cores. */
  CpuOptions(int threads, int pagePositions, long aloneBelow) {
    this(threads, pagePositions, aloneBelow, KvOptions.ofHeap(), false);
  }

  /** Bytes that keys and values may take: they lie in the Java heap. */
  static long heap() {
    return Runtime.getRuntime().maxMemory();
  }

  static CpuOptions of(int threads) {
    return of(new BackendOptions(Device.CPU, threads));
  }

  static CpuOptions of(BackendOptions options) {
    KvOptions kv = options.kv();
    return new CpuOptions(options.threads(), kv.blockPositions(), ALONE_BELOW, kv, options.pinCores());
  }
}
