package dev.layermesh.engine.backend;

import dev.layermesh.decoding.SamplingParams;

/** Final norm and output projection. Belongs to one thread. */
public interface Head {

  /**
   * Whether this head chooses tokens by {@code sampling} itself, so that logits need not leave the device. It must then
   * choose the token that {@link dev.layermesh.decoding.Sampler} draws from its logits with the noise of the position:
   * greedy choice, or shared noise, under which a token says all that a verdict needs of a distribution. Any thread.
   */
  default boolean chooses(SamplingParams sampling) {
    return false;
  }

  /**
   * Computes logits of some rows, and writes them or the tokens chosen by them.
   *
   * @param states residual stream [rows, hiddenSize], not normed; left as it is
   * @param rows which rows, in any order; ids are asked for only where this head {@link #chooses} by their sampling
   */
  void logits(Tensor states, LogitRows rows);
}
