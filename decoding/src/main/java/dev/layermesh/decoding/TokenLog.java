package dev.layermesh.decoding;

import dev.layermesh.decoding.VerifyReply.Verdict;
import java.util.Optional;

/**
 * The tokens of one session, prompt first: the only state that must survive a failure. Its last token is
 * <em>pending</em>: known, not yet run through any layer. Owned by the thread that runs the session's loop.
 */
public final class TokenLog implements TokenSequence {
  private final StopRule stops;
  private final int promptLength;
  private final TokenList tokens = new TokenList();
  private Optional<StopReason> stopReason = Optional.empty();

  /** The log a session starts with: its prompt and what earlier epochs committed. */
  public TokenLog(SessionSpec spec) {
    stops = spec.stops();
    promptLength = spec.prompt().length();
    tokens.append(spec.prompt());
    for (int id : spec.committed().toArray()) {
      commit(id);
    }
  }

  @Override
  public int length() {
    return tokens.length();
  }

  public int promptLength() {
    return promptLength;
  }

  @Override
  public int id(int position) {
    return tokens.id(position);
  }

  @Override
  public long hash(int prefix) {
    return tokens.hash(prefix);
  }

  /** Tokens after the prompt. */
  public TokenIds committed() {
    return slice(promptLength, length());
  }

  /** Tokens that may still be committed. */
  public int remaining() {
    int limit = Math.min(stops.maxTokens(), stops.contextLength() - promptLength);
    return finished() ? 0 : limit - (length() - promptLength);
  }

  public boolean finished() {
    return stopReason.isPresent();
  }

  /** Why the session ended; empty until it has. */
  public Optional<StopReason> stopReason() {
    return stopReason;
  }

  /** Whether {@code id} ends a session. */
  public boolean isEos(int id) {
    return stops.eosIds().contains(id);
  }

  /**
   * Commits the accepted tokens of a window and the verifier's own token, cut at the earliest stop.
   *
   * @return the tokens added
   * @throws IllegalStateException when the window does not continue this log, or the verdict cannot be one on it
   */
  public TokenIds commit(DraftWindow window, Verdict verdict) {
    if (window.base() != length()) {
      throw new IllegalStateException("verdict for " + window.base() + ", log at " + length());
    }
    if (verdict.accepted() > window.tokens().size()) {
      throw new IllegalStateException(verdict.accepted() + " accepted of " + window.tokens().size() + " drafted");
    }
    boolean tailStands = window.hasTail() && verdict.accepted() == window.tokens().size();
    if (tailStands == verdict.next().isPresent()) {
      throw new IllegalStateException(
          verdict.accepted() + " accepted of " + window.tokens().size() + " drafted "
              + (window.hasTail() ? "with" : "without") + " a tail, and "
              + (tailStands ? "token " + verdict.next().getAsInt() : "no token") + " of the verifier's own");
    }
    for (int i = 0; i < verdict.accepted() && !finished(); i++) {
      commit(window.tokens().get(i).id());
    }
    if (verdict.next().isPresent() && !finished()) {
      commit(verdict.next().getAsInt());
    }
    return slice(window.base(), length());
  }

  /**
   * Commits tokens that another log of the same session committed, such as those of a round from a draft worker.
   *
   * @throws IllegalStateException when a token follows the end of the session
   */
  public void commit(TokenIds committed) {
    for (int i = 0; i < committed.length(); i++) {
      commit(committed.id(i));
    }
  }

  private void commit(int id) {
    if (finished()) {
      throw new IllegalStateException("token " + id + " after the end (" + stopReason.get() + ") at " + length());
    }
    tokens.append(id);
    if (isEos(id)) {
      stopReason = Optional.of(StopReason.EOS);
    } else if (remaining() == 0) {
      stopReason = Optional.of(StopReason.LENGTH);
    }
  }
}
