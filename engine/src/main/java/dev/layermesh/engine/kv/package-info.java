/**
 * Keys and values of sessions, as blocks with numbers: which session holds which block, which blocks sessions share by
 * their tokens, and how many there may be. Nothing here knows what the bytes of a block are or where they lie.
 */
package dev.layermesh.engine.kv;
