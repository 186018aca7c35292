package dev.layermesh.engine.lane;

import dev.layermesh.engine.kv.KvStats;
import java.util.Map;

/**
 * How the memory for keys and values of a stage is used.
 *
 * @param kv its blocks
 * @param refused steps that found no room
 * @param preempted sessions whose blocks were given to another session
 */
public record MemoryStats(KvStats kv, long refused, long preempted) {

  /** The same by the names of metrics: memory in bytes now, everything else counted since the start. */
  public Map<String, Long> byName() {
    return Map.of(
        "kv.memory.budget", kv.blocks() * kv.blockBytes(),
        "kv.memory.used", kv.used() * kv.blockBytes(),
        "kv.memory.kept", kv.kept() * kv.blockBytes(),
        "kv.positions.hit", kv.hitPositions(),
        "kv.blocks.copied", kv.copied(),
        "kv.blocks.evicted", kv.evicted(),
        "kv.steps.refused", refused,
        "kv.sessions.preempted", preempted);
  }
}
