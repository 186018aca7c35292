/**
 * Text around a generation, for every caller that runs one: a prompt becomes token ids, the rounds of a session become
 * pieces of text, and the counters of a generation get their names. Reading order:
 * {@link dev.layermesh.tokenizer.text.ModelText}, {@link dev.layermesh.tokenizer.text.AnswerText}.
 */
package dev.layermesh.tokenizer.text;
