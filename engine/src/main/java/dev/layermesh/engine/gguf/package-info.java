/**
 * GGUF files, versions 2 and 3, little-endian: typed metadata and the extents of tensors, read from mapped
 * memory, and written (github.com/ggml-org/ggml, docs/gguf.md). Knows the container, not the meaning of its keys.
 */
package dev.layermesh.engine.gguf;
