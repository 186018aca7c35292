package dev.layermesh.engine.checkpoint;

/**
 * The weights that turn hidden states into logits; every exit layer uses the same ones.
 *
 * @param norm final norm [D]
 * @param projection [V, D]; the embedding itself when the head is tied
 */
public record HeadWeights(TensorView norm, TensorView projection) {}
