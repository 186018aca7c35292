package dev.layermesh.engine.speculation;

import dev.layermesh.decoding.HiddenRows;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/**
 * Exit states of a session by position (arXiv 2404.16710, section 3.3): what a verifier starts its layers from, kept
 * so that one that lost its own cache can catch up without any early layer being run again. Belongs to the session's
 * thread.
 */
final class ExitQueryCache {
  private final List<HiddenRows> rows = new ArrayList<>(); // one row each

  int length() {
    return rows.size();
  }

  void append(HiddenRows states) {
    for (int i = 0; i < states.count(); i++) {
      rows.add(states.slice(i, i + 1));
    }
  }

  void truncate(int length) {
    rows.subList(length, rows.size()).clear();
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
}
