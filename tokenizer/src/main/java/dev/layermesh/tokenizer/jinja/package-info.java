/**
 * Jinja2 as transformers sets it up for chat templates: blocks are trimmed, templates are sandboxed and cannot change
 * what they are given. {@link dev.layermesh.tokenizer.jinja.Template} is the way in: {@code Lexer} and {@code Parser}
 * turn its text into a tree of {@code Node}s, {@code ScopeAnalysis} decides which variables each part of it has, and
 * {@code Interpreter} and {@code Evaluator} walk the tree with the values and operators of Python.
 *
 * <p>Source: the template designer documentation of Jinja 3.1 and the language reference of Python 3.
 */
package dev.layermesh.tokenizer.jinja;
