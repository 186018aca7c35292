package dev.layermesh.engine.lane;

import dev.layermesh.engine.backend.KvStats;

/**
 * How a stage's memory for keys and values is used.
 *
 * @param kv its blocks
 * @param refused steps that found no room
 * @param preempted sessions that had to make room
 */
public record MemoryStats(KvStats kv, long refused, long preempted) {}
