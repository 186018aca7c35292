package dev.layermesh.engine.checkpoint;

import dev.layermesh.engine.model.LayerPlan;
import dev.layermesh.engine.model.ModelConfig;
import java.util.LinkedHashSet;
import java.util.Set;

/**
 * The part of a model that a worker holds.
 *
 * @param plan its layers
 * @param embedding whether it embeds tokens
 * @param head whether it holds the final norm and the output projection
 */
public record Slice(LayerPlan plan, boolean embedding, boolean head) {

  /** The slice of a drafter: embedding, layers [0,E), head. */
  public static Slice draft(int exitLayer) {
    return new Slice(LayerPlan.until(exitLayer), true, true);
  }

  /** The slice of a verifier: layers [E,L), head. */
  public static Slice verify(int exitLayer, int numLayers) {
    return new Slice(LayerPlan.from(exitLayer, numLayers), false, true);
  }

  /** The whole model. */
  public static Slice whole(int numLayers) {
    return new Slice(LayerPlan.all(numLayers), true, true);
  }

  /** Its tensors; an embedding that is also the head is listed once. */
  Set<TensorSpec> tensors(ModelConfig config) {
    Set<TensorSpec> tensors = new LinkedHashSet<>();
    if (embedding) {
      tensors.add(TensorSpec.embedding(config));
    }
    plan.layers().forEach(layer -> tensors.addAll(TensorSpec.layer(config, layer.index())));
    if (head) {
      tensors.add(TensorSpec.finalNorm(config));
      tensors.add(TensorSpec.projection(config));
    }
    return tensors;
  }
}
