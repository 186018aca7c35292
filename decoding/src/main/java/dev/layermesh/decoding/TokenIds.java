package dev.layermesh.decoding;

import java.util.Arrays;

/** An immutable list of token ids. */
public final class TokenIds implements TokenSequence {
  private static final TokenIds EMPTY = new TokenIds(new int[0]);

  private final int[] ids;

  private TokenIds(int[] ids) {
    this.ids = ids;
  }

  /** The ids given, copied; each must be ≥ 0. */
  public static TokenIds of(int... ids) {
    for (int i = 0; i < ids.length; i++) {
      if (ids[i] < 0) {
        throw InputException.of("ids[" + i + "]", ids[i], "a token id is 0 or more");
      }
    }
    return ids.length == 0 ? EMPTY : new TokenIds(ids.clone());
  }

  /** No token. */
  public static TokenIds empty() {
    return EMPTY;
  }

  @Override
  public int length() {
    return ids.length;
  }

  public boolean isEmpty() {
    return ids.length == 0;
  }

  @Override
  public int id(int position) {
    return ids[position];
  }

  public boolean contains(int id) {
    return Arrays.stream(ids).anyMatch(each -> each == id);
  }

  @Override
  public long hash(int length) {
    long hash = PrefixHash.EMPTY;
    for (int i = 0; i < length; i++) {
      hash = PrefixHash.extend(hash, ids[i]);
    }
    return hash;
  }

  @Override
  public TokenIds slice(int from, int to) {
    return from == 0 && to == ids.length ? this : of(Arrays.copyOfRange(ids, from, to));
  }

  /** These ids, then {@code more}. */
  public TokenIds concat(TokenIds more) {
    int[] all = Arrays.copyOf(ids, ids.length + more.ids.length);
    System.arraycopy(more.ids, 0, all, ids.length, more.ids.length);
    return of(all);
  }

  /** A fresh array of the ids. */
  public int[] toArray() {
    return ids.clone();
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof TokenIds that && Arrays.equals(ids, that.ids);
  }

  @Override
  public int hashCode() {
    return Arrays.hashCode(ids);
  }

  @Override
  public String toString() {
    return Arrays.toString(ids);
  }
}
