package dev.layermesh.engine.checkpoint;

/**
 * What turns hidden states into logits, the same for every exit layer.
 *
 * @param norm final norm [D]
 * @param projection [V, D]; the embedding itself when the head is tied
 */
public record HeadWeights(TensorView norm, TensorView projection) {}
