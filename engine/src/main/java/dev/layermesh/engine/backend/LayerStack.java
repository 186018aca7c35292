package dev.layermesh.engine.backend;

import dev.layermesh.engine.kv.KvCache;
import dev.layermesh.engine.kv.KvMemory;

/** Layers of a plan, prepared for running. Belongs to one thread. */
public interface LayerStack {

  /** An empty cache for a session of these layers. */
  KvCache newCache();

  /** Where caches take their blocks from. */
  KvMemory memory();

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
