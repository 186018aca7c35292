package dev.layermesh.engine.backend;

import java.util.Arrays;

/**
 * Rows of a step whose logits are asked for, and where those go: to memory of whoever asks. Made once and filled anew
 * for every step, so that a step allocates nothing. Belongs to one thread.
 */
public final class LogitRows {
  private final int vocabSize;
  private int[] rows = {};
  private float[][] targets = {};
  private int[] offsets = {};
  private int size;

  /** No rows yet, of a model of so many tokens. */
  public LogitRows(int vocabSize) {
    this.vocabSize = vocabSize;
  }

  /** Forgets all rows. */
  public void clear() {
    Arrays.fill(targets, 0, size, null); // a session that is over must not be held
    size = 0;
  }

  /**
   * LogitRows for neighbouring rows.
   *
   * @param first index into the states of the first one
   * @param count how many
   * @param logits where theirs are written: [count, vocabSize], from its start
   * @return these asks
   */
  public LogitRows add(int first, int count, float[] logits) {
    if (logits.length < (long) count * vocabSize) {
      throw new IllegalArgumentException(
          "room for " + logits.length + " logits, " + count + " rows of " + vocabSize + " asked for");
    }
    if (size + count > rows.length) {
      int room = Math.max(size + count, 2 * size);
      rows = Arrays.copyOf(rows, room);
      targets = Arrays.copyOf(targets, room);
      offsets = Arrays.copyOf(offsets, room);
    }
    for (int i = 0; i < count; i++) {
      rows[size] = first + i;
      targets[size] = logits;
      offsets[size] = i * vocabSize;
      size++;
    }
    return this;
  }

  /** Rows asked for. */
  public int size() {
    return size;
  }

  /** Index into the states of the {@code index}th row asked for. */
  public int row(int index) {
    return rows[index];
  }

  /** Where the logits of the {@code index}th row go, from {@link #offset} on. */
  public float[] target(int index) {
    return targets[index];
  }

  /** Where in its {@link #target} the logits of the {@code index}th row begin. */
  public int offset(int index) {
    return offsets[index];
  }
}
