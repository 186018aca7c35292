/**
 * One thread for each device. Sessions submit steps and wait; between steps the lane puts the waiting steps of all
 * sessions into one batch, so that sessions join and leave at any token (continuous batching).
 */
package dev.layermesh.engine.lane;
