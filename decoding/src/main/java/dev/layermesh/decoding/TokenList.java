package dev.layermesh.decoding;

import java.util.Arrays;

/**
 * A list of token ids that grows at its end and knows the {@link PrefixHash} of each of its prefixes. Owned by one
 * thread, or guarded by its owner's lock.
 */
public final class TokenList implements TokenSequence {
  private int[] ids = new int[16];
  private long[] hashes = new long[ids.length + 1]; // hashes[n] is the hash of the first n ids
  private int length;

  /** No token yet. */
  public TokenList() {
    hashes[0] = PrefixHash.EMPTY;
  }

  @Override
  public int length() {
    return length;
  }

  @Override
  public int id(int position) {
    if (position < 0 || position >= length) {
      throw new IndexOutOfBoundsException("position " + position + " of " + length + " tokens");
    }
    return ids[position];
  }

  @Override
  public long hash(int prefix) {
    if (prefix < 0 || prefix > length) {
      throw new IndexOutOfBoundsException("prefix of " + prefix + " of " + length + " tokens");
    }
    return hashes[prefix];
  }

  /** Adds a token at the end. */
  public void append(int id) {
    if (length == ids.length) {
      ids = Arrays.copyOf(ids, 2 * length);
      hashes = Arrays.copyOf(hashes, 2 * length + 1);
    }
    ids[length] = id;
    hashes[length + 1] = PrefixHash.extend(hashes[length], id);
    length++;
  }

  /** Adds tokens at the end. */
  public void append(TokenIds more) {
    for (int i = 0; i < more.length(); i++) {
      append(more.id(i));
    }
  }

  /** Forgets the tokens from position {@code length} on, if there are any. */
  public void truncate(int length) {
    if (length < 0) {
      throw new IndexOutOfBoundsException("truncate to " + length);
    }
    this.length = Math.min(this.length, length);
  }
}
