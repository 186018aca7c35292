/** Draft and verify sides of one model: the ports of {@code decoding} over lanes. */
package dev.layermesh.engine.speculation;
