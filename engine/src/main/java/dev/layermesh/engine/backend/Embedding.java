package dev.layermesh.engine.backend;

import dev.layermesh.decoding.TokenIds;

/** Token embeddings. Belongs to one thread. */
public interface Embedding {

  /**
   * Writes the residual stream that layer 0 starts from.
   *
   * @param into [rows, hiddenSize]; the tokens' rows are those from {@code row} on
   */
  void embed(TokenIds ids, Tensor into, int row);
}
