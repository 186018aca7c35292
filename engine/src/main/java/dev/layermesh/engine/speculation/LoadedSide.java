package dev.layermesh.engine.speculation;

import dev.layermesh.engine.EngineOptions;
import dev.layermesh.engine.backend.Backend;
import dev.layermesh.engine.backend.Backends;
import dev.layermesh.engine.backend.KvOptions;
import dev.layermesh.engine.backend.Transformer;
import dev.layermesh.engine.checkpoint.Checkpoint;
import dev.layermesh.engine.checkpoint.LoadListener;
import dev.layermesh.engine.checkpoint.Slice;
import dev.layermesh.engine.checkpoint.Weights;
import dev.layermesh.engine.lane.InferenceLane;
import dev.layermesh.engine.model.ModelConfig;
import java.util.ArrayList;
import java.util.List;

/**
 * One side of a split, loaded: a checkpoint, and a backend and a lane for each slice of it.
 *
 * @param model what was loaded
 * @param lanes one for each slice, in order
 * @param resources what to close, in reverse order
 */
record LoadedSide(ModelIdentity model, List<InferenceLane> lanes, List<AutoCloseable> resources)
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
      Backend first = keep(resources, backend(options, checkpoint.config(), slices, 0));
      var model = ModelIdentity.of(checkpoint, slices.getFirst(), exitLayer, first.arithmetic());
      var lanes = new ArrayList<InferenceLane>();
      for (Slice slice : slices) {
        Backend backend = lanes.isEmpty()
            ? first
            : keep(resources, backend(options, checkpoint.config(), slices, lanes.size()));
        Weights weights = checkpoint.weights(slice);
        Transformer transformer = Transformer.prepare(checkpoint.config(), weights, backend, listener);
        String name = model.name() + "-" + slice.plan().first();
        lanes.add(keep(resources, new InferenceLane(name, transformer, InferenceLane.DEFAULT_MAX_ROWS)));
      }
      return new LoadedSide(model, List.copyOf(lanes), resources);
    } catch (RuntimeException failed) {
      closeAll(resources);
      throw failed;
    }
  }

  /** A backend for one of the slices, with its share of the memory for keys and values. */
  private static Backend backend(EngineOptions options, ModelConfig config, List<Slice> slices, int index) {
    Slice slice = slices.get(index);
    long all = slices.stream().mapToLong(each -> kvElements(config, each) + exitElements(config, each)).sum();
    KvOptions kv = options.kv().share(kvElements(config, slice), all);
    return Backends.open(options.device(), options.backend(), options.threads(), kv);
  }

  /** Keys and values of a position. */
  private static long kvElements(ModelConfig config, Slice slice) {
    return 2L * slice.plan().size() * config.numKvHeads() * config.headDim();
  }

  /** Exit states of a position, which whoever embeds tokens keeps beside their keys and values. */
  private static long exitElements(ModelConfig config, Slice slice) {
    return slice.embedding() ? config.hiddenSize() : 0;
  }

  private static <R extends AutoCloseable> R keep(List<AutoCloseable> resources, R resource) {
    resources.add(resource);
    return resource;
  }

  /** Lanes first, the weights they read last. */
  private static void closeAll(List<AutoCloseable> resources) {
    var failure = new IllegalStateException("not everything could be closed");
    for (AutoCloseable resource : resources.reversed()) {
      try {
        resource.close();
      } catch (Exception failed) {
        failure.addSuppressed(failed);
      }
    }
    if (failure.getSuppressed().length > 0) {
      throw failure;
    }
  }

  @Override
  public void close() {
    closeAll(resources);
  }
}
