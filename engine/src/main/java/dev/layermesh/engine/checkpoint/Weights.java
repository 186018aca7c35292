package dev.layermesh.engine.checkpoint;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Weights of a {@link Slice}, memory-mapped: reading an element brings its page in from disk.
 *
 * @param slice what was asked for
 * @param embedding [V, D], if the slice embeds
 * @param layers in the order of the slice's plan
 * @param head if the slice holds it
 */
public record Weights(
    Slice slice, Optional<TensorView> embedding, List<LayerWeights> layers, Optional<HeadWeights> head) {
  private static final long STEP_BYTES = 16L << 20;

  public Weights {
    layers = List.copyOf(layers);
  }

  /** Every tensor once, also where head and embedding are tied. */
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

  /** Brings all pages in from disk now rather than on first use. Optional; returns when done. */
  public void pageIn(LoadListener listener) {
    long total = bytes();
    long done = 0;
    for (TensorView tensor : tensors()) {
      MemorySegment data = tensor.data();
      for (long from = 0; from < data.byteSize(); from += STEP_BYTES) {
        long step = Math.min(STEP_BYTES, data.byteSize() - from);
        data.asSlice(from, step).load();
        done += step;
        listener.progressed(done, total);
      }
    }
  }
}
