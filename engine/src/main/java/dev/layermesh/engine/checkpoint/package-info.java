/**
 * Reads checkpoints: folders as Hugging Face lays them out, and GGUF files. Files are memory-mapped, and only the part
 * that a worker runs is opened. {@link dev.layermesh.engine.checkpoint.TensorView} defines the value of a stored
 * weight.
 */
package dev.layermesh.engine.checkpoint;
