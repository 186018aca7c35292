package dev.layermesh.engine.device;

import dev.layermesh.engine.kv.KvStorage;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;

/** Blocks in the device's memory, laid out as no CPU backend does: [layer][position][key, value][width]. */
final class FakeKvStorage implements KvStorage {
  private final int layers;
  private final int width; // of a key: HKV * HD
  private final int blockPositions;
  private final FakeQueue queue;
  private final List<MemorySegment> blocks = new ArrayList<>();

  FakeKvStorage(int layers, int width, int blockPositions, FakeQueue queue) {
    this.layers = layers;
    this.width = width;
    this.blockPositions = blockPositions;
    this.queue = queue;
  }

  @Override
  public int blockPositions() {
    return blockPositions;
  }

  @Override
  public int layers() {
    return layers;
  }

  @Override
  public long blockBytes() {
    return (long) layers * blockPositions * 2 * width * Float.BYTES;
  }

  @Override
  public void allocate(int block) {
    if (block != blocks.size()) {
      throw new IllegalStateException("block " + block + " after " + blocks.size());
    }
    blocks.add(Arena.ofAuto().allocate(Math.max(1, blockBytes()), Float.BYTES).fill((byte) 0xff)); // NaN
  }

  @Override
  public void copy(int from, int to) {
    queue.add(() -> blocks.get(to).copyFrom(blocks.get(from)));
  }

  /** Key or value of a position of a block in a layer, in the device's memory. */
  private MemorySegment at(int block, int layer, int place, int which) {
    long index = ((long) layer * blockPositions + place) * 2 + which;
    return blocks.get(block).asSlice(index * width * Float.BYTES, (long) width * Float.BYTES);
  }

  void put(int block, int layer, int place, float[] keys, float[] values, int row) {
    MemorySegment.copy(keys, row * width, at(block, layer, place, 0), ValueLayout.JAVA_FLOAT, 0, width);
    MemorySegment.copy(values, row * width, at(block, layer, place, 1), ValueLayout.JAVA_FLOAT, 0, width);
  }

  void get(int block, int layer, int place, float[] keys, float[] values, int row) {
    MemorySegment.copy(at(block, layer, place, 0), ValueLayout.JAVA_FLOAT, 0, keys, row * width, width);
    MemorySegment.copy(at(block, layer, place, 1), ValueLayout.JAVA_FLOAT, 0, values, row * width, width);
  }
}
