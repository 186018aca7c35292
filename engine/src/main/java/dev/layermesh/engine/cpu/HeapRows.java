package dev.layermesh.engine.cpu;

import dev.layermesh.decoding.HiddenRows;
import dev.layermesh.engine.cpu.kernels.StoredFloats;
import java.lang.foreign.MemorySegment;
import java.util.Objects;

/**
 * Rows copied out of a step, in the Java heap. A session's thread makes them, the lane's thread writes them before it
 * answers, then any thread may read them.
 */
final class HeapRows implements HiddenRows {
  private final int count;
  private final int width;
  private final MemorySegment segment;
  private final MemorySegment readOnly;

  /** Room for [count, width] of float32. */
  HeapRows(int count, int width) {
    this(count, width, MemorySegment.ofArray(
        new byte[Math.multiplyExact(Math.multiplyExact(count, width), Float.BYTES)]));
  }

  private HeapRows(int count, int width, MemorySegment segment) {
    this.count = count;
    this.width = width;
    this.segment = segment;
    this.readOnly = segment.asReadOnly();
  }

  /** {@code rows} as this backend's own. */
  static HeapRows of(HiddenRows rows) {
    if (rows instanceof HeapRows kept) {
      return kept;
    }
    throw new IllegalStateException("a " + rows.getClass().getSimpleName() + " is no room of the CPU backend");
  }

  /** Copies as many rows of {@code rows} as these are, from {@code from} on. */
  void copy(HeapTensor rows, int from) {
    MemorySegment.copy(rows.values(), from * width, segment, StoredFloats.FLOAT, 0, count * width);
  }

  @Override
  public int count() {
    return count;
  }

  @Override
  public int width() {
    return width;
  }

  @Override
  public Type type() {
    return Type.F32;
  }

  @Override
  public MemorySegment bytes() {
    return readOnly;
  }

  /** A view of some of these rows, which may be written as well. */
  @Override
  public HiddenRows slice(int from, int to) {
    Objects.checkFromToIndex(from, to, count);
    long rowBytes = (long) width * Float.BYTES;
    return from == 0 && to == count
        ? this
        : new HeapRows(to - from, width, segment.asSlice(from * rowBytes, (to - from) * rowBytes));
  }
}
