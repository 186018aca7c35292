package dev.layermesh.engine.speculation;

import dev.layermesh.engine.EngineOptions;
import dev.layermesh.engine.Transformer;
import dev.layermesh.engine.backend.Backend;
import dev.layermesh.engine.backend.Backends;
import dev.layermesh.engine.checkpoint.Checkpoint;
import dev.layermesh.engine.checkpoint.LoadListener;
import dev.layermesh.engine.checkpoint.Slice;
import dev.layermesh.engine.checkpoint.Weights;
import dev.layermesh.engine.kv.KvOptions;
import dev.layermesh.engine.lane.InferenceLane;
import dev.layermesh.engine.model.ModelConfig;
import java.util.ArrayList;
import java.util.List;

/**
 * Slices of a model on one device: a checkpoint, a backend, and a lane with a stage for each slice.
 *
 * @param models identity of the model with each slice, in order
 * @param lane its stages are the slices, in order
 * @param resources closed in reverse order; empty afterwards
 */
record LoadedSide(List<ModelIdentity> models, InferenceLane lane, List<AutoCloseable> resources)
    implements AutoCloseable {

  /** Which slices of a model a side holds. */
  @FunctionalInterface
  interface Choice {
    List<Slice> slices(int numLayers, int exitLayer);
  }

  /**
   * Opens a checkpoint and loads slices of it.
   *
   * @param choice which slices, by the model's sizes and the exit layer
   */
  static LoadedSide open(EngineOptions options, Choice choice, LoadListener listener) {
    var resources = new ArrayList<AutoCloseable>();
    try {
      Checkpoint checkpoint = keep(resources, Checkpoint.open(options.model()));
      int exitLayer = checkpoint.config().chooseExitLayer(options.exitLayer());
      List<Slice> slices = choice.slices(checkpoint.config().numLayers(), exitLayer);
      Backend backend = keep(resources, Backends.open(
          options.backendOptions(ofALayer(options.kv(), checkpoint.config(), slices)), options.backend()));
      List<ModelIdentity> models = slices.stream()
          .map(slice -> ModelIdentity.of(checkpoint, slice, options.exitLayer(), backend.arithmetic()))
          .toList();
      List<Weights> weights = slices.stream().map(checkpoint::weights).toList();
      var lane = InferenceLane.start(
          checkpoint.name() + "-" + slices.getFirst().plan().first(),
          prepare(checkpoint, weights, backend, listener),
          backend.stepRows());
      return new LoadedSide(models, keep(resources, lane), resources);
    } catch (RuntimeException failed) {
      closeAll(resources);
      throw failed;
    }
  }

  /**
   * The share of the memory that each layer's keys and values get. Exit states of as many positions have a share too.
   */
  private static KvOptions ofALayer(KvOptions all, ModelConfig config, List<Slice> slices) {
    long layer = all.type().bytes(2L * config.numKvHeads() * config.headDim()); // of a position
    long states = (long) config.hiddenSize() * Float.BYTES;
    long position = slices.stream()
        .mapToLong(slice -> slice.plan().size() * layer + (slice.embedding() ? states : 0))
        .sum();
    return all.share(layer, position);
  }

  /** Loads one slice after the other; the listener gets one progress over all of them. */
  private static List<Transformer> prepare(
      Checkpoint checkpoint, List<Weights> slices, Backend backend, LoadListener listener) {
    long total = slices.stream().mapToLong(Weights::preparedBytes).sum();
    var transformers = new ArrayList<Transformer>();
    long before = 0;
    for (Weights weights : slices) {
      long earlier = before;
      transformers.add(Transformer.prepare(
          checkpoint.config(), weights, backend, (done, _) -> listener.progressed(earlier + done, total)));
      before += weights.preparedBytes();
    }
    return transformers;
  }

  private static <R extends AutoCloseable> R keep(List<AutoCloseable> resources, R resource) {
    resources.add(resource);
    return resource;
  }

  /** Closes lanes first, and last the weights that they read. */
  private static void closeAll(List<AutoCloseable> resources) {
    var failure = new IllegalStateException("not everything could be closed");
    for (AutoCloseable resource : resources.reversed()) {
      try {
        resource.close();
      } catch (Exception failed) {
        failure.addSuppressed(failed);
      }
    }
    resources.clear();
    if (failure.getSuppressed().length > 0) {
      throw failure;
    }
  }

  /** Idempotent; any thread, because both sides of a model may share this. */
  @Override
  public void close() {
    synchronized (resources) {
      closeAll(resources);
    }
  }
}
