/**
 * GGUF files, versions 2 and 3, little-endian: typed metadata and the extents of tensors, read where they are mapped, and
 * written (github.com/ggml-org/ggml, docs/gguf.md). Knows the container, not what a model makes of it.
 */
package dev.layermesh.engine.gguf;
