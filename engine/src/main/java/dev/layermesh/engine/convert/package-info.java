/** Writes GGUF files: a folder's model in one file, and quantized copies in a cache. */
package dev.layermesh.engine.convert;
