package dev.layermesh.engine.model;

import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * The sublayers of a model that run, in order. Drafting, verifying and running the whole model differ in the plan.
 *
 * @param layers at least one, index strictly ascending
 */
public record LayerPlan(List<Layer> layers) {

  /**
   * A layer that runs, whole or in part.
   *
   * @param index of the layer in the model, from 0
   * @param attention whether its attention block runs
   * @param mlp whether its feed-forward block runs; at least one of the two runs
   */
  public record Layer(int index, boolean attention, boolean mlp) {
    public Layer {
      if (index < 0 || !(attention || mlp)) {
        throw new IllegalArgumentException("layer " + index + ", attention " + attention + ", mlp " + mlp);
      }
    }
  }

  public LayerPlan {
    layers = List.copyOf(layers);
    if (layers.isEmpty()) {
      throw new IllegalArgumentException("a plan without layers");
    }
    for (int i = 1; i < layers.size(); i++) {
      if (layers.get(i - 1).index() >= layers.get(i).index()) {
        throw new IllegalArgumentException("layer " + layers.get(i).index() + " after " + layers.get(i - 1).index());
      }
    }
  }

  /** The whole model, [0,L). */
  public static LayerPlan all(int numLayers) {
    return from(0, numLayers);
  }

  /** The draft side of a split, [0,E). */
  public static LayerPlan until(int exitLayer) {
    return from(0, exitLayer);
  }

  /** The verify side of a split, [E,L). */
  public static LayerPlan from(int exitLayer, int numLayers) {
    return new LayerPlan(IntStream.range(exitLayer, numLayers).mapToObj(i -> new Layer(i, true, true)).toList());
  }

  /** This plan without the attention and feed-forward blocks of the layers named. */
  public LayerPlan skipping(Set<Integer> attention, Set<Integer> mlp) {
    return new LayerPlan(layers.stream()
        .flatMap(layer -> {
          boolean attends = layer.attention() && !attention.contains(layer.index());
          boolean feeds = layer.mlp() && !mlp.contains(layer.index());
          return attends || feeds ? Stream.of(new Layer(layer.index(), attends, feeds)) : Stream.empty();
        })
        .toList());
  }

  /** Index of the first layer that runs. */
  public int first() {
    return layers.getFirst().index();
  }

  /** Index of the last layer that runs. */
  public int last() {
    return layers.getLast().index();
  }

  /** Number of layers that run. */
  public int size() {
    return layers.size();
  }

  /** Whether layer {@code index} runs, whole or in part. */
  public boolean contains(int index) {
    return layers.stream().anyMatch(layer -> layer.index() == index);
  }
}
