/**
 * The machine: loads layers of a checkpoint and runs them. Speaks to the rest of the project through {@code
 * decoding}.
 */
package dev.layermesh.engine;
