/**
 * The part of Python that templates see: {@link dev.layermesh.tokenizer.jinja.python.Value} and its types, operators,
 * attributes and methods, conversions to text, format strings and JSON. Everything that can grow with its input is
 * counted in a {@link dev.layermesh.tokenizer.jinja.python.Budget}. Knows nothing of templates.
 *
 * <p>Source: the library reference of Python 3.11, and its interpreter where the reference is silent.
 */
package dev.layermesh.tokenizer.jinja.python;
