package dev.layermesh.engine.measure;

import dev.layermesh.engine.EngineOptions;
import dev.layermesh.engine.Transformer;
import dev.layermesh.engine.backend.Backend;
import dev.layermesh.engine.backend.Backends;
import dev.layermesh.engine.checkpoint.Checkpoint;
import dev.layermesh.engine.checkpoint.LoadListener;
import dev.layermesh.engine.checkpoint.Slice;
import dev.layermesh.engine.checkpoint.Weights;
import dev.layermesh.engine.kv.KvOptions;
import dev.layermesh.engine.model.ModelConfig;

/**
 * All layers of a model on one backend, without a lane. Belongs to the thread that opens it.
 *
 * @param checkpoint stays open as long as the transformer is used
 * @param backend that computes
 * @param transformer embedding, layers and head
 * @param weightBytes stored bytes of the matrices, which a step reads
 */
record WholeModel(Checkpoint checkpoint, Backend backend, Transformer transformer, long weightBytes)
    implements AutoCloseable {

  /**
   * Loads it.
   *
   * @throws dev.layermesh.decoding.InputException naming what is wrong with options or files
   */
  static WholeModel open(EngineOptions options, LoadListener listener) {
    Checkpoint checkpoint = Checkpoint.open(options.model());
    try {
      Backend backend = Backends.open(
          options.backendOptions(KvOptions.ofHeap().withType(options.kv().type())), options.backend());
      try {
        Weights weights = checkpoint.weights(Slice.whole(checkpoint.config().numLayers()));
        Transformer transformer = Transformer.prepare(checkpoint.config(), weights, backend, listener);
        return new WholeModel(checkpoint, backend, transformer, weights.preparedBytes());
      } catch (RuntimeException failed) {
        backend.close();
        throw failed;
      }
    } catch (RuntimeException failed) {
      checkpoint.close();
      throw failed;
    }
  }

  ModelConfig config() {
    return checkpoint.config();
  }

  /** The backend first: it reads what the checkpoint maps. */
  @Override
  public void close() {
    backend.close();
    checkpoint.close();
  }
}
