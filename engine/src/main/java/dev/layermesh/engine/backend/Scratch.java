package dev.layermesh.engine.backend;

/** Working memory that grows and is kept. */
final class Scratch {
  private Scratch() {}

  /** {@code current}, or a larger array when it has fewer than {@code size} elements; the content is of no use. */
  static float[] atLeast(float[] current, int size) {
    return current.length >= size ? current : new float[Math.max(size, current.length + current.length / 2)];
  }
}
