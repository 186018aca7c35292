package dev.layermesh.engine.model;

import dev.layermesh.decoding.InputException;
import dev.layermesh.decoding.TokenIds;
import dev.layermesh.decoding.WindowPolicy;
import java.util.OptionalInt;

/**
 * Sizes and constants of a Llama model. The constructor refuses sizes that cannot run: every size is positive, every
 * matrix has fewer than 2^31 elements, heads divide evenly.
 *
 * @param hiddenSize D
 * @param intermediateSize F
 * @param numLayers L, at least 2: a draft and a verify side need a layer each
 * @param numHeads H
 * @param numKvHeads HKV, divides H
 * @param headDim HD, even
 * @param vocabSize V
 * @param maxPositions longest context, in tokens
 * @param rmsNormEps added to the mean square under the root
 * @param rope rotary position embedding
 * @param tiedHead whether the output projection is the embedding matrix
 * @param bosId first token of a text
 * @param eosIds tokens that end a generation; may be empty
 * @param exitLayer E that the checkpoint was trained for, 1..L-1
 */
public record ModelConfig(
    int hiddenSize,
    int intermediateSize,
    int numLayers,
    int numHeads,
    int numKvHeads,
    int headDim,
    int vocabSize,
    int maxPositions,
    float rmsNormEps,
    Rope rope,
    boolean tiedHead,
    OptionalInt bosId,
    TokenIds eosIds,
    OptionalInt exitLayer) {
  private static final int MAX_LAYERS = 10_000; // far above any model; lists of layers are built from it
  private static final int MAX_POSITIONS = 1 << 24; // float32 angles count positions exactly up to here

  public ModelConfig {
    requireWithin("hidden_size", hiddenSize, 1, Integer.MAX_VALUE);
    requireWithin("intermediate_size", intermediateSize, 1, Integer.MAX_VALUE);
    requireWithin("num_hidden_layers", numLayers, 2, MAX_LAYERS);
    requireWithin("num_attention_heads", numHeads, 1, Integer.MAX_VALUE);
    requireWithin("num_key_value_heads", numKvHeads, 1, Integer.MAX_VALUE);
    requireWithin("head_dim", headDim, 2, Integer.MAX_VALUE);
    requireWithin("vocab_size", vocabSize, 1, Integer.MAX_VALUE);
    requireWithin("max_position_embeddings", maxPositions, 1, MAX_POSITIONS);
    if (numHeads % numKvHeads != 0) {
      throw InputException.of("num_key_value_heads", numKvHeads, "must divide num_attention_heads=" + numHeads);
    }
    if (headDim % 2 != 0) {
      throw InputException.of("head_dim", headDim, "must be even: rotary embedding turns pairs");
    }
    requireMatrix("num_attention_heads", numHeads, "head_dim", headDim);
    requireMatrix("num_attention_heads * head_dim", numHeads * headDim, "hidden_size", hiddenSize);
    requireMatrix("intermediate_size", intermediateSize, "hidden_size", hiddenSize);
    requireMatrix("vocab_size", vocabSize, "hidden_size", hiddenSize);
    if (!(rmsNormEps > 0 && rmsNormEps < 1)) {
      throw InputException.of("rms_norm_eps", rmsNormEps, "must be above 0 and below 1");
    }
    if (rope.scaling() instanceof RopeScaling.Factors each && each.factors().size() != headDim / 2) {
      throw InputException.of("rope factors", each.factors().size(), "must be head_dim / 2 = " + headDim / 2);
    }
    bosId.ifPresent(id -> requireWithin("bos_token_id", id, 0, vocabSize - 1));
    for (int id : eosIds.toArray()) {
      requireWithin("eos_token_id", id, 0, vocabSize - 1);
    }
    if (exitLayer.isPresent()) {
      requireExitLayer(exitLayer.getAsInt(), numLayers);
    }
  }

  /** The default E: the one that the checkpoint names, else ⌈L/4⌉. */
  public int defaultExitLayer() {
    return exitLayer.orElse(Math.ceilDiv(numLayers, 4));
  }

  /** The requested exit layer, else the default; refuses one outside 1..L-1. */
  public int chooseExitLayer(OptionalInt requested) {
    requested.ifPresent(exit -> requireExitLayer(exit, numLayers));
    return requested.orElse(defaultExitLayer());
  }

  /** The window of sessions that name none, see {@link WindowPolicy#usual}. */
  public WindowPolicy usualWindow(OptionalInt requestedExitLayer) {
    return WindowPolicy.usual(requestedExitLayer.isPresent() || exitLayer.isPresent());
  }

  private static void requireExitLayer(int exitLayer, int numLayers) {
    requireWithin("exit_layer", exitLayer, 1, numLayers - 1);
  }

  private static void requireWithin(String field, int value, int least, int most) {
    if (value < least || value > most) {
      throw InputException.of(field, value, "must be between " + least + " and " + most);
    }
  }

  private static void requireMatrix(String rowField, int rows, String columnField, int columns) {
    if ((long) rows * columns > Integer.MAX_VALUE) {
      throw InputException.of(rowField, rows, "times " + columnField + "=" + columns + " must be below 2^31");
    }
  }
}
