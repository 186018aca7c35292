/**
 * A device that is no CPU, for tests: its memory is out of the JVM's reach, it runs nothing before a step is finished,
 * and its logits never leave it. It computes with the scalar kernels, so its bits are known.
 */
package dev.layermesh.engine.device;
