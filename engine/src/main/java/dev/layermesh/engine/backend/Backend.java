package dev.layermesh.engine.backend;

import dev.layermesh.decoding.HiddenRows;
import dev.layermesh.engine.checkpoint.LayerWeights;
import dev.layermesh.engine.checkpoint.TensorView;
import dev.layermesh.engine.model.LayerPlan;
import dev.layermesh.engine.model.ModelConfig;
import java.util.List;
import java.util.function.LongConsumer;

/**
 * A device and a family of kernels. Its unit is a prepared stack of layers, not a matrix product, so that a backend may
 * fuse or capture a whole stack. What it prepares belongs to one thread; two backends live side by side.
 */
public interface Backend extends AutoCloseable {

  /**
   * Names the arithmetic: backend, kernel family, number format, and what keys and values are kept as if they are
   * rounded. Backends with the same name agree to the last bit; a session moves only between workers of one name.
   */
  String arithmetic();

  /** Prepares token embeddings, [vocabSize, hiddenSize]. */
  Embedding embedding(ModelConfig config, TensorView weights);

  /**
   * Prepares the layers of a plan.
   *
   * @param weights of the plan's layers, in its order
   * @param loaded told, weight by weight, how many more stored bytes have been read
   */
  LayerStack prepare(ModelConfig config, LayerPlan plan, List<LayerWeights> weights, LongConsumer loaded);

  /**
   * Prepares the head.
   *
   * @param norm final norm [hiddenSize]
   * @param projection [vocabSize, hiddenSize]
   * @param loaded told, weight by weight, how many more stored bytes have been read
   */
  Head head(ModelConfig config, TensorView norm, TensorView projection, LongConsumer loaded);

  /** One tensor of the rows of all parts, in order. */
  Tensor load(List<HiddenRows> parts);

  /** A copy of some rows that outlives the step. */
  HiddenRows store(Tensor states, int from, int count);

  /** Stops threads and frees memory; nothing prepared may be used afterwards. */
  @Override
  void close();
}
