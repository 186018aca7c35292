/**
 * One thread per device. Sessions submit small jobs and park; the lane packs what waits into one batch per step, so
 * that sessions join and leave between steps (continuous batching).
 */
package dev.layermesh.engine.lane;
