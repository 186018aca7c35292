package dev.layermesh.engine.cpu.kernels;

import dev.layermesh.engine.kv.KvStorage;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/**
 * Keys and values of a stack in the Java heap: a block is a {@link KvPage} for each attending layer. The lane's thread
 * allocates and copies; helpers read pages, and write rows of their own, during a step.
 */
public final class KvPageStorage implements KvStorage {
  private final KvShape shape;
  private final List<List<KvPage>> blocks = new ArrayList<>(); // [block][layer]

  /** No blocks yet. */
  public KvPageStorage(KvShape shape) {
    this.shape = shape;
  }

  /** Sizes of a block. */
  public KvShape shape() {
    return shape;
  }

  @Override
  public int blockPositions() {
    return shape.positions();
  }

  @Override
  public int layers() {
    return shape.layers();
  }

  @Override
  public long blockBytes() {
    return shape.bytes();
  }

  @Override
  public void allocate(int block) {
    if (block != blocks.size()) {
      throw new IllegalStateException("block " + block + " after " + blocks.size() + " blocks");
    }
    blocks.add(Stream.generate(() -> KvPage.of(shape)).limit(shape.layers()).toList());
  }

  @Override
  public void copy(int from, int to) {
    for (int layer = 0; layer < shape.layers(); layer++) {
      page(to, layer).copy(page(from, layer));
    }
  }

  /** A layer's part of a block. */
  KvPage page(int block, int layer) {
    return blocks.get(block).get(layer);
  }
}
