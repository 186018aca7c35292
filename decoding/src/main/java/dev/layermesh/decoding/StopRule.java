package dev.layermesh.decoding;

import java.util.Objects;

/**
 * When a session stops by itself.
 *
 * @param eosIds tokens that end it (one, several, or none to ignore them)
 * @param maxTokens tokens it may commit after the prompt, at least 1
 * @param contextLength positions a model can address: prompt and committed tokens together never exceed it
 */
public record StopRule(TokenIds eosIds, int maxTokens, int contextLength) {
  public StopRule {
    Objects.requireNonNull(eosIds, "eosIds");
    if (maxTokens < 1) {
      throw InputException.of("max_tokens", maxTokens, "must be 1 or more");
    }
    if (contextLength < 2) {
      throw InputException.of("context", contextLength, "must be 2 or more");
    }
  }
}
