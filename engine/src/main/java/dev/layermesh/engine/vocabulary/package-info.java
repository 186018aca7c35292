/**
 * The vocabulary of a model in its two forms: the metadata of a GGUF file, and the files of a Hugging Face folder.
 * {@link dev.layermesh.engine.vocabulary.GgufTokenizer} makes the files of the metadata,
 * {@link dev.layermesh.engine.vocabulary.GgufVocabulary} makes the metadata of the files.
 */
package dev.layermesh.engine.vocabulary;
