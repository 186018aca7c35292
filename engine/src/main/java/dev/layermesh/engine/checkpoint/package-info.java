/**
 * Checkpoints on disk: folders as Hugging Face lays them out and GGUF files, memory-mapped, and only what a worker
 * runs; what a stored weight is worth; quantized copies.
 */
package dev.layermesh.engine.checkpoint;
