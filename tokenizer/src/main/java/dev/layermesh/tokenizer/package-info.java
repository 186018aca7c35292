/**
 * Text to token ids and back: {@code tokenizer.json}, chat templates, and the streaming detokenizer with its stop
 * strings. Everything here works from files held in memory and never opens a network connection.
 */
package dev.layermesh.tokenizer;
