package dev.layermesh.engine.speculation;

import dev.layermesh.decoding.HiddenRows;
import java.util.ArrayList;
import java.util.List;
import java.util.function.IntFunction;

/**
 * Exit states of a session by position (arXiv 2404.16710, section 3.3): a verifier starts its layers from them. They
 * are kept, so that a verifier that lost its cache gets them again and no early layer runs twice. Belongs to the
 * session's thread.
 *
 * <p>Rows lie in pieces of at most a block. The lane writes into pieces of this session; pieces of other sessions, and
 * those that other sessions may read, are never written again. A window is a slice of one or two pieces, not a copy.
 * Rows of a rejected window are overwritten, perhaps before a verifier has answered the window behind it: the verifier
 * sees by the tokens that such a window has diverged, and does not read its rows.
 */
final class ExitQueryCache {

  /** Rows of consecutive positions in one piece of memory. */
  private record Piece(int first, HiddenRows rows, boolean writable) {
    int end() {
      return first + rows.count();
    }

    HiddenRows slice(int from, int to) {
      return rows.slice(from - first, to - first);
    }
  }

  private final int blockPositions;
  private final IntFunction<HiddenRows> rooms;
  private final List<Piece> pieces = new ArrayList<>(); // from position 0 on without gaps, to length or further
  private int length;

  /**
   * An empty cache.
   *
   * @param blockPositions no piece goes beyond a multiple of it
   * @param rooms makes room for so many rows
   */
  ExitQueryCache(int blockPositions, IntFunction<HiddenRows> rooms) {
    this.blockPositions = blockPositions;
    this.rooms = rooms;
  }

  int length() {
    return length;
  }

  /** Room for the next rows, in order; {@link #advance} counts them once they are written. */
  List<HiddenRows> room(int count) {
    int to = length + count;
    for (int end = end(); end < to; end = end()) {
      pieces.add(new Piece(end, rooms.apply(blockPositions - end % blockPositions), true));
    }
    return slices(length, to);
  }

  /** The next rows are written. */
  void advance(int count) {
    length += count;
  }

  /** Adds rows that other sessions may read too. */
  void append(HiddenRows shared) {
    cut(length);
    pieces.add(new Piece(length, shared, false));
    length += shared.count();
  }

  /** Forgets positions from {@code length} on. */
  void truncate(int length) {
    this.length = length;
    for (int i = pieces.size() - 1; i >= 0 && pieces.get(i).end() > length; i--) {
      if (!pieces.get(i).writable()) {
        cut(length);
        return;
      }
    }
  }

  /** Drops pieces, and the part of one, behind {@code end}. */
  private void cut(int end) {
    while (!pieces.isEmpty() && pieces.getLast().end() > end) {
      Piece last = pieces.removeLast();
      if (last.first() < end) {
        pieces.add(new Piece(last.first(), last.slice(last.first(), end), last.writable()));
      }
    }
  }

  /** Rows from {@code from} to {@code to} (exclusive), where they lie. */
  HiddenRows rows(int from, int to) {
    return HiddenRows.join(slices(from, to));
  }

  /** The same for other sessions: nothing writes them any more. */
  HiddenRows share(int from, int to) {
    pieces.replaceAll(piece -> piece.first() < to && from < piece.end()
        ? new Piece(piece.first(), piece.rows(), false)
        : piece);
    return rows(from, to);
  }

  private List<HiddenRows> slices(int from, int to) {
    var slices = new ArrayList<HiddenRows>(2);
    for (int i = holding(from); i < pieces.size() && pieces.get(i).first() < to; i++) {
      Piece piece = pieces.get(i);
      slices.add(piece.slice(Math.max(from, piece.first()), Math.min(to, piece.end())));
    }
    return slices;
  }

  /** Index of the piece that holds a position. Looks from the end: most rows that are asked for are the last ones. */
  private int holding(int position) {
    int index = pieces.size() - 1;
    while (index > 0 && pieces.get(index).first() > position) {
      index--;
    }
    return Math.max(0, index);
  }

  private int end() {
    return pieces.isEmpty() ? 0 : pieces.getLast().end();
  }
}
