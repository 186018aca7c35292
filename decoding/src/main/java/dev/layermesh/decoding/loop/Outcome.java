package dev.layermesh.decoding.loop;

import dev.layermesh.decoding.StopReason;
import dev.layermesh.decoding.TokenIds;

/**
 * How a session ended.
 *
 * @param reason why
 * @param committed all tokens after the prompt, those of earlier epochs included
 * @param stats counters of this epoch
 */
public record Outcome(StopReason reason, TokenIds committed, DecodeStats stats) {}
