/**
 * Weights laid out for SIMD and for lanes of a GPU: the format, and how stored weights become it. It depends on no
 * backend, so backends of different devices read the same bytes.
 */
package dev.layermesh.engine.packed;
