/**
 * Checkpoints on disk: folders as Hugging Face lays them out, safetensors files memory-mapped, and only those that hold
 * what a worker runs.
 */
package dev.layermesh.engine.checkpoint;
