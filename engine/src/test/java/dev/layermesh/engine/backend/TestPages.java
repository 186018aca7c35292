package dev.layermesh.engine.backend;

import java.util.stream.Stream;

/** Pages of one layer, with memory of their own. */
final class TestPages {
  private TestPages() {}

  /** Empty pages that {@code positions} fit in. */
  static KvPages of(int kvHeads, int headDim, int pagePositions, int positions) {
    var shape = new KvShape(1, kvHeads, headDim, pagePositions);
    return new KvPages(shape, 0, Stream.generate(() -> new KvBlock(shape)).limit(shape.blocks(positions)).toList());
  }
}
