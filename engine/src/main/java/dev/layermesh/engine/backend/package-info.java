/**
 * Arithmetic. A backend turns layers of a checkpoint into a <em>prepared stack</em> and runs batches of rows through
 * it; what a tensor or a cache is made of stays its own business.
 *
 * <p>The law every backend keeps: a row's result depends on its session's earlier rows and on nothing else, neither on
 * how many rows run with it nor on threads. Speculative decoding is lossless because of it.
 */
package dev.layermesh.engine.backend;
