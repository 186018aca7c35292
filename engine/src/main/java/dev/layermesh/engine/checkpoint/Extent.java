package dev.layermesh.engine.checkpoint;

import java.util.List;

/**
 * The place of a tensor in a safetensors file.
 *
 * @param dtype as the header names it
 * @param shape non-negative sizes
 * @param begin first byte, from the start of the file
 * @param end after the last byte
 */
record Extent(String dtype, List<Long> shape, long begin, long end) {}
