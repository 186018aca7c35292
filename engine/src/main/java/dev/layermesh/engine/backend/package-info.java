/**
 * Arithmetic. A backend turns layers of a checkpoint into a <em>prepared stack</em> and runs batches of rows through
 * it; no other package knows what its tensors and blocks are made of.
 *
 * <p>The law every backend keeps: a row's result depends on its session's earlier rows and on nothing else, neither on
 * how many rows run with it nor on threads. Speculative decoding is lossless because of it.
 */
package dev.layermesh.engine.backend;
