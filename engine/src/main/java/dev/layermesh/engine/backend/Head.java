package dev.layermesh.engine.backend;

/** Final norm and output projection. Belongs to one thread. */
public interface Head {

  /**
   * Computes the logits of some rows.
   *
   * @param states residual stream [rows, hiddenSize], not normed; left as it is
   * @param asks which rows, in any order, and where their logits go
   */
  void logits(Tensor states, LogitRows asks);
}
