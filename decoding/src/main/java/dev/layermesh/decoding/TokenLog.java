package dev.layermesh.decoding;

import dev.layermesh.decoding.VerifyReply.Verdict;
import java.util.Arrays;
import java.util.Optional;

/**
 * The tokens of one session, prompt first: the only state that must survive a failure. Its last token is
 * <em>pending</em>: known, not yet run through any layer. Owned by the thread that runs the session's loop.
 */
public final class TokenLog implements TokenSequence {
  private final StopRule stops;
  private final int promptLength;
  private int[] ids;
  private long[] hashes; // hashes[n] is the hash of the first n ids
  private int length;
  private Optional<StopReason> stopReason = Optional.empty();

  /** The log a session starts with: its prompt and what earlier epochs committed. */
  public TokenLog(SessionSpec spec) {
    stops = spec.stops();
    promptLength = spec.prompt().length();
    int capacity = Math.max(16, promptLength + spec.committed().length());
    ids = new int[capacity];
    hashes = new long[capacity + 1];
    hashes[0] = PrefixHash.EMPTY;
    for (int id : spec.prompt().toArray()) {
      append(id);
    }
    for (int id : spec.committed().toArray()) {
      commit(id);
    }
  }

  @Override
  public int length() {
    return length;
  }

  public int promptLength() {
    return promptLength;
  }

  @Override
  public int id(int position) {
    if (position < 0 || position >= length) {
      throw new IndexOutOfBoundsException("position " + position + ", log at " + length);
    }
    return ids[position];
  }

  @Override
  public long hash(int prefix) {
    if (prefix < 0 || prefix > length) {
      throw new IndexOutOfBoundsException("prefix of " + prefix + ", log at " + length);
    }
    return hashes[prefix];
  }

  /** Tokens after the prompt. */
  public TokenIds committed() {
    return slice(promptLength, length);
  }

  /** Tokens that may still be committed. */
  public int remaining() {
    int limit = Math.min(stops.maxTokens(), stops.contextLength() - promptLength);
    return finished() ? 0 : limit - (length - promptLength);
  }

  public boolean finished() {
    return stopReason.isPresent();
  }

  /** Why the log takes no more tokens, once it does not. */
  public Optional<StopReason> stopReason() {
    return stopReason;
  }

  /** Whether {@code id} ends a session. */
  public boolean isEos(int id) {
    return stops.eosIds().contains(id);
  }

  /**
   * Commits what a verdict lets stand of its window, cut at the earliest stop.
   *
   * @return the tokens added
   * @throws IllegalStateException when the window does not continue this log, or the verdict cannot be one on it
   */
  public TokenIds commit(DraftWindow window, Verdict verdict) {
    if (window.base() != length) {
      throw new IllegalStateException("verdict for " + window.base() + ", log at " + length);
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
    return slice(window.base(), length);
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
      throw new IllegalStateException("token " + id + " after the end (" + stopReason.get() + ") at " + length);
    }
    append(id);
    if (isEos(id)) {
      stopReason = Optional.of(StopReason.EOS);
    } else if (remaining() == 0) {
      stopReason = Optional.of(StopReason.LENGTH);
    }
  }

  private void append(int id) {
    if (length == ids.length) {
      ids = Arrays.copyOf(ids, 2 * length);
      hashes = Arrays.copyOf(hashes, 2 * length + 1);
    }
    ids[length] = id;
    hashes[length + 1] = PrefixHash.extend(hashes[length], id);
    length++;
  }
}
