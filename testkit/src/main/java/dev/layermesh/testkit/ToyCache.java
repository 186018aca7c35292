package dev.layermesh.testkit;

import dev.layermesh.decoding.PrefixHash;
import java.util.Arrays;

/** Ids by position and the hash of every prefix of them: all the state a toy drafter or a toy verifier has. */
final class ToyCache {
  private int[] ids = new int[16];
  private long[] hashes = {PrefixHash.EMPTY};
  private int length;

  int length() {
    return length;
  }

  int id(int position) {
    if (position < 0 || position >= length) {
      throw new IllegalStateException("position " + position + " of a cache of " + length);
    }
    return ids[position];
  }

  /** Hash of the first {@code prefix} ids. */
  long hash(int prefix) {
    if (prefix > length) {
      throw new IllegalStateException("prefix of " + prefix + " of a cache of " + length);
    }
    return hashes[prefix];
  }

  void append(int id) {
    if (length == ids.length) {
      ids = Arrays.copyOf(ids, 2 * length);
    }
    if (length + 2 > hashes.length) {
      hashes = Arrays.copyOf(hashes, ids.length + 1);
    }
    ids[length] = id;
    hashes[length + 1] = PrefixHash.extend(hashes[length], id);
    length++;
  }

  /** Forgets positions from {@code to} on, if there are any. */
  void truncate(int to) {
    length = Math.min(length, to);
  }
}
