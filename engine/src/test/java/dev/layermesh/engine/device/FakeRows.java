package dev.layermesh.engine.device;

import dev.layermesh.decoding.HiddenRows;
import java.lang.foreign.MemorySegment;
import java.util.Optional;

/** Rows that outlive their step: in host memory once the step has finished, and not to be read before. */
final class FakeRows implements HiddenRows {
  private final int count;
  private final int width;
  private volatile Optional<MemorySegment> bytes = Optional.empty();

  FakeRows(int count, int width) {
    this.count = count;
    this.width = width;
  }

  void arrived(float[] values) {
    bytes = Optional.of(MemorySegment.ofArray(values).asReadOnly());
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
    return bytes.orElseThrow(() -> new IllegalStateException("rows are read before their step has finished"));
  }
}
