package dev.layermesh.engine.kv;

/**
 * Blocks of keys and values at one moment, and what became of them since the start.
 *
 * @param blocks there may be at most
 * @param blockBytes of one
 * @param used by sessions, a shared one counted once
 * @param kept for sessions to come alone
 * @param adopted positions that sessions took from blocks of others instead of computing them
 * @param copied blocks, because a session wrote where others read
 * @param evicted kept blocks that had to give way
 */
public record KvStats(int blocks, long blockBytes, int used, int kept, long adopted, long copied, long evicted) {}
