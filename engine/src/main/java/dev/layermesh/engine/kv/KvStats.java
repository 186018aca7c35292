package dev.layermesh.engine.kv;

/**
 * Blocks of keys and values at one moment, and what became of them since the start.
 *
 * @param blocks there may be at most
 * @param blockBytes of one
 * @param used by sessions, a shared one counted once
 * @param kept shared ones that no session uses now
 * @param hitPositions positions that sessions found in blocks of others instead of computing them
 * @param copied blocks, because a session wrote where others read
 * @param evicted kept blocks whose memory another session took
 */
public record KvStats(int blocks, long blockBytes, int used, int kept, long hitPositions, long copied, long evicted) {}
