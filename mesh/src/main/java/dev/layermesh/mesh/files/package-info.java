/** The small files of a model, tokenizer and configuration, on their way from a worker to a gateway that has none. */
package dev.layermesh.mesh.files;
