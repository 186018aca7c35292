package dev.layermesh.engine.cpu;

import java.lang.foreign.MemorySegment;

/** Numbers in the Java heap that kernels write: grows to what is reserved, and is used again by every step. */
final class Floats {
  private float[] array;
  private MemorySegment segment;

  Floats() {
    this(new float[0]);
  }

  Floats(float[] array) {
    this.array = array;
    this.segment = MemorySegment.ofArray(array);
  }

  /** Makes room for {@code size} numbers; the content is of no use. */
  void reserve(int size) {
    if (array.length < size) {
      array = new float[Math.max(size, array.length + array.length / 2)];
      segment = MemorySegment.ofArray(array);
    }
  }

  float[] array() {
    return array;
  }

  /** The same, for native code. */
  MemorySegment segment() {
    return segment;
  }
}
