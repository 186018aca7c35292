package dev.layermesh.engine.checkpoint;

import dev.layermesh.engine.model.ModelConfig;
import java.util.Collections;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;

/**
 * Sizes and properties of a checkpoint, computed without running it. Sizes are bytes on disk of
 * the tensors that the model uses.
 *
 * @param config sizes and constants
 * @param fingerprint of the whole model
 * @param parameters number of weights; a tied head counts once
 * @param bytesByDType bytes of the weights by type
 * @param embeddingBytes token embedding, which is also the head where {@code config.tiedHead()}
 * @param layerBytes of each layer
 * @param headBytes final norm, and the output projection where it is not the embedding
 * @param totalBytes of the whole model, every tensor once
 * @param exitLayer E of the split
 * @param draftBytes bytes that a drafter holds: embedding, layers [0,E), head
 * @param verifyBytes bytes that a verifier holds: layers [E,L), head
 * @param chatTemplate whether the model has one
 */
public record Inspection(
    ModelConfig config,
    Fingerprint fingerprint,
    long parameters,
    Map<DType, Long> bytesByDType,
    long embeddingBytes,
    List<Long> layerBytes,
    long headBytes,
    long totalBytes,
    int exitLayer,
    long draftBytes,
    long verifyBytes,
    boolean chatTemplate) {

  public Inspection {
    bytesByDType = Collections.unmodifiableMap(new EnumMap<>(bytesByDType));
    layerBytes = List.copyOf(layerBytes);
  }

  /**
   * Opens all shards.
   *
   * @param exitLayer E of the split, 1..L-1
   * @throws dev.layermesh.decoding.InputException naming file, field and value, also when a shard is missing
   */
  public static Inspection of(Checkpoint checkpoint, int exitLayer) {
    ModelConfig config = checkpoint.config();
    int split = config.chooseExitLayer(OptionalInt.of(exitLayer));
    Slice whole = Slice.whole(config.numLayers());
    Weights weights = checkpoint.weights(whole);
    Map<DType, Long> bytesByDType = new EnumMap<>(DType.class);
    weights.tensors().forEach(it -> bytesByDType.merge(it.dtype(), it.data().byteSize(), Long::sum));
    long embeddingBytes = bytes(List.of(weights.embedding().orElseThrow()));
    List<Long> layerBytes = weights.layers().stream().map(layer -> bytes(layer.tensors())).toList();
    return new Inspection(
        config,
        Fingerprint.of(checkpoint, whole),
        weights.tensors().stream().mapToLong(TensorView::elements).sum(),
        bytesByDType,
        embeddingBytes,
        layerBytes,
        weights.bytes() - embeddingBytes - layerBytes.stream().mapToLong(Long::longValue).sum(),
        weights.bytes(),
        split,
        checkpoint.weights(Slice.draft(split)).bytes(),
        checkpoint.weights(Slice.verify(split, config.numLayers())).bytes(),
        checkpoint.files().chatTemplate(checkpoint.path()).isPresent());
  }

  private static long bytes(List<TensorView> tensors) {
    return tensors.stream().mapToLong(tensor -> tensor.data().byteSize()).sum();
  }
}
