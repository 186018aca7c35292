/** The small files of a model, tokenizer and configuration, sent from a worker to a gateway, which has no model. */
package dev.layermesh.mesh.files;
