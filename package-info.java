/** Benchmarks of kernels, in their package because nobody else may call them. */
package dev.layermesh.engine.backend;
