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
 * fuse or capture a whole stack. One thread, the lane's, makes all calls except {@link #room}. Several backends may
 * live in one JVM.
 */
public interface Backend extends AutoCloseable {

  /**
   * Names the arithmetic without the device: kernel family, number format, and what keys and values are kept as if they
   * are rounded. Backends with the same name agree to the last bit; a session moves only between workers of one name.
   */
  String arithmetic();

  /** Prepares token embeddings, [vocabSize, hiddenSize]. */
  Embedding embedding(ModelConfig config, TensorView weights);

  /**
   * Prepares the layers of a plan.
   *
   * @param weights of the plan's layers, in its order
   * @param loaded receives, weight by weight, how many more stored bytes have been read
   */
  LayerStack prepare(ModelConfig config, LayerPlan plan, List<LayerWeights> weights, LongConsumer loaded);

  /**
   * Prepares the head.
   *
   * @param norm final norm [hiddenSize]
   * @param projection [vocabSize, hiddenSize]
   * @param loaded receives, weight by weight, how many more stored bytes have been read
   */
  Head head(ModelConfig config, TensorView norm, TensorView projection, LongConsumer loaded);

  /** A tensor for the residual stream of steps, [rows, width], with arbitrary content. */
  Tensor tensor(int rows, int width);

  /**
   * Writes rows into those of {@code into} from {@code row} on.
   *
   * @param states of {@link #room} of any backend, or in host memory
   */
  void load(HiddenRows states, Tensor into, int row);

  /**
   * Room for rows that outlive their step, for {@link #store} to fill; any thread may make it. Their bytes may be read
   * after the {@link #finish} of the step that stored them. A {@link HiddenRows#slice} of room is room too, in the same
   * memory.
   */
  HiddenRows room(int count, int width);

  /**
   * Copies rows that are needed after the step.
   *
   * @param from index of the first
   * @param into {@link #room} of this backend's; as many rows as it has
   */
  void store(Tensor states, int from, HiddenRows into);

  /**
   * Ends a step: returns when all that its calls write to the JVM's memory is there, logits, chosen ids and {@link
   * #store stored} rows. A device may queue all calls before this one and waits here, once in a step.
   */
  void finish();

  /**
   * Rows that fill a step well: enough to share the reading of weights, few enough to keep decoding sessions moving.
   */
  int stepRows();

  /** Stops threads and frees memory; nothing prepared may be used afterwards. */
  @Override
  void close();
}
