package dev.layermesh.engine.backend;

import dev.layermesh.decoding.InputException;
import dev.layermesh.engine.kv.KvOptions;

/**
 * What a backend is created with.
 *
 * @param device that computes
 * @param threads of a CPU backend, including the lane's own, at least 1; accelerators ignore it
 * @param kv memory for keys and values of each layer
 * @param pinCores whether each thread of a CPU backend has a core of its own while it computes
 */
public record BackendOptions(Device device, int threads, KvOptions kv, boolean pinCores) {
  public BackendOptions {
    if (threads < 1) {
      throw InputException.of("threads", threads, "must be 1 or more");
    }
  }

  /** With default memory for keys and values, on any cores. */
  public BackendOptions(Device device, int threads) {
    this(device, threads, KvOptions.ofHeap(), false);
  }
}
