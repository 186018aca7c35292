package dev.layermesh.engine.checkpoint;

import java.util.List;

/**
 * Weights of one decoder layer; a projection maps a row of its last dimension to one of its first.
 *
 * @param inputNorm [D]
 * @param q [H*HD, D]
 * @param k [HKV*HD, D]
 * @param v [HKV*HD, D]
 * @param o [D, H*HD]
 * @param postNorm [D], before the feed-forward block
 * @param gate [F, D]
 * @param up [F, D]
 * @param down [D, F]
 */
public record LayerWeights(
    TensorView inputNorm,
    TensorView q,
    TensorView k,
    TensorView v,
    TensorView o,
    TensorView postNorm,
    TensorView gate,
    TensorView up,
    TensorView down) {

  /** Number of {@link #projections()}. */
  public static final int PROJECTIONS = 7;

  /** The matrices: q, k, v, o, gate, up, down. */
  public List<TensorView> projections() {
    return List.of(q, k, v, o, gate, up, down);
  }

  /** All nine. */
  public List<TensorView> tensors() {
    return List.of(inputNorm, q, k, v, o, postNorm, gate, up, down);
  }
}
