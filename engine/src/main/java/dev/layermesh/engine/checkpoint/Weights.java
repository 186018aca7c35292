package dev.layermesh.engine.checkpoint;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * Weights of a {@link Slice}, memory-mapped: the first read of an element loads its page from disk.
 *
 * @param slice the part of the model
 * @param embedding [V, D], if the slice embeds
 * @param layers in the order of the slice's plan
 * @param head if the slice holds it
 */
public record Weights(
    Slice slice, Optional<TensorView> embedding, List<LayerWeights> layers, Optional<HeadWeights> head) {
  public Weights {
    layers = List.copyOf(layers);
  }

  /** Every tensor once, even if head and embedding are tied. */
  public List<TensorView> tensors() {
    List<TensorView> tensors = new ArrayList<>();
    embedding.ifPresent(tensors::add);
    layers.forEach(layer -> tensors.addAll(layer.tensors()));
    head.ifPresent(held -> {
      tensors.add(held.norm());
      if (embedding.filter(held.projection()::equals).isEmpty()) {
        tensors.add(held.projection());
      }
    });
    return tensors;
  }

  /** Bytes of {@link #tensors()}. */
  public long bytes() {
    return tensors().stream().mapToLong(tensor -> tensor.data().byteSize()).sum();
  }

  /** Bytes of the matrices that a backend prepares; embeddings stay in the file. */
  public long preparedBytes() {
    return Stream.concat(
        layers.stream().flatMap(layer -> layer.projections().stream()),
        head.stream().map(HeadWeights::projection))
        .mapToLong(tensor -> tensor.data().byteSize())
        .sum();
  }
}
