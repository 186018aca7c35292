package dev.layermesh.engine.checkpoint;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;

/** Tensors of a safetensors file as bytes, for tests of other packages. */
public final class Raw {
  private Raw() {}

  /** The bytes of one tensor of a file. */
  public static MemorySegment tensor(Path file, String name) {
    Shard shard = Shard.map(file, Arena.ofAuto());
    return shard.data(shard.extents().get(name));
  }
}
