package dev.layermesh.engine.speculation;

import dev.layermesh.decoding.HiddenRows;
import dev.layermesh.decoding.TokenIds;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Exit states of a session by position (arXiv 2404.16710, section 3.3), and the tokens they are of: what a verifier
 * starts its layers from, kept so that one that lost its own cache can catch up without any early layer being run
 * again. Belongs to the session's thread.
 */
final class ExitQueryCache {
  private final List<HiddenRows> rows = new ArrayList<>(); // one row each
  private int[] ids = new int[64];

  int length() {
    return rows.size();
  }

  /** Adds states of {@code tokens}. */
  void append(TokenIds tokens, HiddenRows states) {
    if (tokens.length() != states.count()) {
      throw new IllegalStateException(states.count() + " exit states of " + tokens.length() + " tokens");
    }
    int length = rows.size() + tokens.length();
    if (length > ids.length) {
      ids = Arrays.copyOf(ids, Math.max(2 * ids.length, length));
    }
    for (int i = 0; i < states.count(); i++) {
      ids[rows.size()] = tokens.id(i);
      rows.add(states.slice(i, i + 1));
    }
  }

  void truncate(int length) {
    rows.subList(length, rows.size()).clear();
  }

  /** Tokens at positions {@code from} to {@code to} (exclusive). */
  TokenIds ids(int from, int to) {
    return TokenIds.of(Arrays.copyOfRange(ids, from, to));
  }

  /** A copy of the rows from {@code from} to {@code to} (exclusive). */
  HiddenRows copy(int from, int to) {
    HiddenRows shape = rows.get(from);
    long rowBytes = shape.bytes().byteSize();
    MemorySegment copy = MemorySegment.ofArray(new byte[Math.toIntExact((to - from) * rowBytes)]);
    for (int position = from; position < to; position++) {
      MemorySegment.copy(rows.get(position).bytes(), 0, copy, (position - from) * rowBytes, rowBytes);
    }
    return new HiddenRows.Host(to - from, shape.width(), shape.type(), copy);
  }

  /** The same rows in one piece, which from here on is where this cache keeps them, too. */
  HiddenRows pack(int from, int to) {
    HiddenRows packed = copy(from, to);
    for (int position = from; position < to; position++) {
      rows.set(position, packed.slice(position - from, position - from + 1));
    }
    return packed;
  }
}
