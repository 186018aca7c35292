package dev.layermesh.engine.backend;

import dev.layermesh.decoding.TokenIds;

/** Token embeddings. Belongs to one thread. */
public interface Embedding {

  /**
   * The residual stream that layer 0 starts from.
   *
   * @return [ids.length(), hiddenSize]
   */
  Tensor embed(TokenIds ids);
}
