package dev.layermesh.testkit;

import dev.layermesh.decoding.Handoff;
import dev.layermesh.decoding.HiddenRows;
import dev.layermesh.decoding.TokenIds;
import dev.layermesh.decoding.TokenList;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * The exit state of a toy: it says which position and token it was computed for, and on which prefix. Laid out as one
 * row of four F32, so that it travels like any exit state, and a reader can tell a stale row from a true one.
 *
 * @param position absolute position
 * @param id token at the position
 * @param hash hash of the prefix up to the token, itself included
 */
record ToyRow(int position, int id, long hash) {
  static final int WIDTH = 4;
  private static final int BYTES = WIDTH * Float.BYTES;
  private static final int EXIT_LAYER = 1;
  private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /** Rows {@code from} to {@code to} (exclusive) of a cache. */
  static Handoff handoff(TokenList cache, int from, int to) {
    int[] ids = new int[to - from];
    var bytes = MemorySegment.ofArray(new byte[BYTES * ids.length]);
    for (int i = 0; i < ids.length; i++) {
      ids[i] = cache.id(from + i);
      bytes.set(INT, (long) BYTES * i, from + i);
      bytes.set(INT, (long) BYTES * i + 4, ids[i]);
      bytes.set(LONG, (long) BYTES * i + 8, cache.hash(from + i + 1));
    }
    var rows = new HiddenRows.Host(ids.length, WIDTH, HiddenRows.Type.F32, bytes);
    return new Handoff.ExitStates(from, TokenIds.of(ids), EXIT_LAYER, rows);
  }

  static ToyRow read(HiddenRows rows, int index) {
    MemorySegment bytes = rows.bytes();
    long at = (long) BYTES * index;
    return new ToyRow(bytes.get(INT, at), bytes.get(INT, at + 4), bytes.get(LONG, at + 8));
  }
}
