package dev.layermesh.decoding;

/**
 * Token ids by absolute position, read-only: a prompt, a session's log, or a log followed by draft tokens in flight.
 */
public interface TokenSequence {

  /** Number of tokens; positions run from 0 to {@code length() - 1}. */
  int length();

  /** The token at {@code position}. */
  int id(int position);

  /** {@link PrefixHash} of the first {@code length} tokens. */
  long hash(int length);

  /** A copy of positions {@code from} (inclusive) to {@code to} (exclusive). */
  default TokenIds slice(int from, int to) {
    int[] ids = new int[to - from];
    for (int i = 0; i < ids.length; i++) {
      ids[i] = id(from + i);
    }
    return TokenIds.of(ids);
  }
}
