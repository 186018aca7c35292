package dev.layermesh.gateway.turn;

import dev.layermesh.decoding.TokenIds;
import java.util.Arrays;

/** Token ids that become more. Owned by one thread, or guarded by its owner's lock. */
public final class IdBuffer {
  private int[] ids = new int[64];
  private int length;

  public void append(TokenIds more) {
    if (length + more.length() > ids.length) {
      ids = Arrays.copyOf(ids, Math.max(2 * ids.length, length + more.length()));
    }
    for (int i = 0; i < more.length(); i++) {
      ids[length++] = more.id(i);
    }
  }

  public int length() {
    return length;
  }

  public TokenIds toTokenIds() {
    return TokenIds.of(Arrays.copyOf(ids, length));
  }
}
