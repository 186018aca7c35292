package dev.layermesh.decoding.loop;

import dev.layermesh.decoding.TokenIds;

/**
 * What one round committed.
 *
 * @param from index of the first committed token, counted from the end of the prompt
 * @param committed the tokens, at least one, cut at the earliest stop
 * @param drafted the draft tokens that were judged
 * @param accepted how many of them were accepted
 */
public record Round(int from, TokenIds committed, TokenIds drafted, int accepted) {}
