package dev.layermesh.engine.backend;

import java.util.List;

/** A session's keys and values in the layers of one {@link CpuLayerStack}. */
final class CpuKvCache implements KvCache {
  private final CpuLayerStack owner;
  private List<KvPages> layers;
  private int length;
  private boolean closed;

  /** @param layers one for every layer of the plan that attends */
  CpuKvCache(CpuLayerStack owner, List<KvPages> layers) {
    this.owner = owner;
    this.layers = List.copyOf(layers);
  }

  @Override
  public int length() {
    return length;
  }

  @Override
  public void truncate(int length) {
    if (length < 0 || length > this.length) {
      throw new IllegalStateException("truncate to " + length + ", cache holds " + this.length);
    }
    this.length = length;
  }

  @Override
  public void close() {
    closed = true;
    layers = List.of();
    length = 0;
  }

  /** Whether {@code stack} may run over it. */
  boolean servesIn(CpuLayerStack stack) {
    return owner == stack && !closed;
  }

  /** Pages of the {@code index}th attending layer. */
  KvPages layer(int index) {
    return layers.get(index);
  }

  /** Makes room for positions up to {@code positions}. */
  void reach(int positions) {
    layers.forEach(pages -> pages.reach(positions));
  }

  /** Says that positions up to {@code length} are written. */
  void advance(int length) {
    this.length = length;
  }
}
