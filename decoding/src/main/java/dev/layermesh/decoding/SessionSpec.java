package dev.layermesh.decoding;

import java.util.Objects;

/**
 * All that determines a session's tokens, except the model.
 *
 * @param key session and epoch
 * @param prompt at least one token
 * @param committed tokens committed by earlier epochs, empty at first
 * @param stops when to stop; its {@code maxTokens} counts {@code committed} too
 * @param sampling how to choose tokens
 * @param window how far to draft ahead; changes speed, never tokens
 */
public record SessionSpec(
    SessionKey key,
    TokenIds prompt,
    TokenIds committed,
    StopRule stops,
    SamplingParams sampling,
    WindowPolicy window) {
  public SessionSpec {
    Objects.requireNonNull(key, "key");
    Objects.requireNonNull(committed, "committed");
    Objects.requireNonNull(sampling, "sampling");
    Objects.requireNonNull(window, "window");
    if (prompt.isEmpty()) {
      throw InputException.of("prompt", "\"\"", "must hold at least one token");
    }
    if (prompt.length() >= stops.contextLength()) {
      throw InputException.of(
          "prompt", prompt.length() + " tokens", "must leave room in the context of " + stops.contextLength());
    }
  }

  /** A session that starts from its prompt. */
  public SessionSpec(
      SessionKey key, TokenIds prompt, StopRule stops, SamplingParams sampling, WindowPolicy window) {
    this(key, prompt, TokenIds.empty(), stops, sampling, window);
  }

  /** The next incarnation, which continues after {@code log}, all tokens committed so far. */
  public SessionSpec resumedAfter(TokenIds log) {
    return new SessionSpec(key.next(), prompt, log, stops, sampling, window);
  }
}
