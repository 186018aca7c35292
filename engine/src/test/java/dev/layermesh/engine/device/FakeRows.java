package dev.layermesh.engine.device;

import dev.layermesh.decoding.HiddenRows;
import java.lang.foreign.MemorySegment;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicIntegerArray;

/**
 * Rows that outlive their step: in host memory once the step has finished, and not to be read before. A slice is a view
 * of the same memory.
 */
final class FakeRows implements HiddenRows {
  private final float[] values; // of the whole room
  private final AtomicIntegerArray queued; // 1 for each row of the whole room that an unfinished step writes
  private final int first;
  private final int count;
  private final int width;

  FakeRows(int count, int width) {
    this(new float[count * width], new AtomicIntegerArray(count), 0, count, width);
  }

  private FakeRows(float[] values, AtomicIntegerArray queued, int first, int count, int width) {
    this.values = values;
    this.queued = queued;
    this.first = first;
    this.count = count;
    this.width = width;
  }

  /** Marks that a step will write these rows; until then they must not be read. */
  void queue() {
    mark(1);
  }

  void arrive(float[] rows) {
    System.arraycopy(rows, 0, values, first * width, count * width);
    mark(0);
  }

  private void mark(int state) {
    for (int row = first; row < first + count; row++) {
      queued.set(row, state);
    }
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
    for (int row = first; row < first + count; row++) {
      if (queued.get(row) == 1) {
        throw new IllegalStateException("rows are read before their step has finished");
      }
    }
    long rowBytes = (long) width * Float.BYTES;
    return MemorySegment.ofArray(values).asSlice(first * rowBytes, count * rowBytes).asReadOnly();
  }

  @Override
  public HiddenRows slice(int from, int to) {
    Objects.checkFromToIndex(from, to, count);
    return new FakeRows(values, queued, first + from, to - from, width);
  }
}
