package dev.layermesh.engine.cpu.kernels;

import java.lang.foreign.MemorySegment;

/** Numbers in the Java heap that kernels write: grows to what is reserved, and is used again by every step. */
public final class FloatArray {
  private float[] array;
  private MemorySegment segment;

  public FloatArray() {
    this(new float[0]);
  }

  public FloatArray(float[] array) {
    this.array = array;
    this.segment = MemorySegment.ofArray(array);
  }

  /** Makes room for {@code size} numbers, whose content is arbitrary. */
  public void reserve(int size) {
    if (array.length < size) {
      array = new float[Math.max(size, array.length + array.length / 2)];
      segment = MemorySegment.ofArray(array);
    }
  }

  public float[] array() {
    return array;
  }

  /** The same, for native code. */
  public MemorySegment segment() {
    return segment;
  }
}
