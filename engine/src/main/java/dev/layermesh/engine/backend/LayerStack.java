package dev.layermesh.engine.backend;

import dev.layermesh.engine.kv.KvCache;
import dev.layermesh.engine.kv.KvPool;

/** Layers of a plan, prepared for running. Belongs to one thread. */
public interface LayerStack {

  /** The blocks that caches of these layers hold; the same pool for as long as the stack is used. */
  KvPool memory();

  /** An empty cache for a session of these layers. */
  default KvCache newCache() {
    return memory().newCache();
  }

  /**
   * Runs the layers in place and appends keys and values to the caches.
   *
   * @param batch which session and position each row is
   * @param states residual stream [rows, hiddenSize]: the batch's rows, and room behind them; replaced by the residual
   *     stream after the last layer
   * @throws IllegalStateException when a cache's length is not its segment's first position
   */
  void run(Batch batch, Tensor states);
}
