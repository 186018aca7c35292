package dev.layermesh.engine.backend;

import dev.layermesh.decoding.SamplingParams;
import java.util.Arrays;

/**
 * Rows of a step that a {@link Head} computes logits of, and what becomes of these: the head writes them into a float
 * array, or it chooses a token by them and writes its id. The object is made once and filled anew for every step, so
 * that a step allocates nothing. Belongs to one thread.
 */
public final class LogitRows {
  private final int vocabSize;
  private int[] rows = {};
  private float[][] logits = {}; // null where a token is chosen
  private SamplingParams[] samplings = {}; // null where logits are written
  private int[][] ids = {}; // likewise
  private int[] offsets = {}; // into logits or ids
  private int[] positions = {}; // of the token that is chosen
  private int size;

  /** No rows yet, for a model of {@code vocabSize} tokens. */
  public LogitRows(int vocabSize) {
    this.vocabSize = vocabSize;
  }

  /** Forgets all rows. */
  public void clear() {
    Arrays.fill(logits, 0, size, null); // arrays of a session that has ended must not be kept
    Arrays.fill(ids, 0, size, null);
    size = 0;
  }

  /**
   * Asks for the logits of neighbouring rows.
   *
   * @param first index into the states of the first one
   * @param count how many
   * @param into receives the logits, [count, vocabSize], from its start
   * @return this
   */
  public LogitRows add(int first, int count, float[] into) {
    if (into.length < (long) count * vocabSize) {
      throw new IllegalArgumentException(
          "room for " + into.length + " logits, " + count + " rows of " + vocabSize + " asked for");
    }
    grow(count);
    for (int i = 0; i < count; i++) {
      rows[size] = first + i;
      logits[size] = into;
      offsets[size] = i * vocabSize;
      size++;
    }
    return this;
  }

  /**
   * Asks for the tokens that {@code sampling} chooses after neighbouring rows; only of a head that {@link
   * Head#chooses chooses} by it. The noise is that of the tokens' positions, {@link
   * dev.layermesh.decoding.PositionRandom.Purpose#TARGET}.
   *
   * @param first index into the states of the first one
   * @param count how many
   * @param position of the token after the first row; those after the others are at the positions behind it
   * @param into receives the ids, [count], from its start
   * @return this
   */
  public LogitRows choose(int first, int count, SamplingParams sampling, int position, int[] into) {
    if (into.length < count) {
      throw new IllegalArgumentException("room for " + into.length + " ids, " + count + " asked for");
    }
    grow(count);
    for (int i = 0; i < count; i++) {
      rows[size] = first + i;
      samplings[size] = sampling;
      ids[size] = into;
      offsets[size] = i;
      positions[size] = position + i;
      size++;
    }
    return this;
  }

  private void grow(int count) {
    if (size + count > rows.length) {
      int room = Math.max(size + count, 2 * size);
      rows = Arrays.copyOf(rows, room);
      logits = Arrays.copyOf(logits, room);
      samplings = Arrays.copyOf(samplings, room);
      ids = Arrays.copyOf(ids, room);
      offsets = Arrays.copyOf(offsets, room);
      positions = Arrays.copyOf(positions, room);
    }
  }

  /** Rows asked for. */
  public int size() {
    return size;
  }

  /** Index into the states of the {@code index}th row asked for. */
  public int row(int index) {
    return rows[index];
  }

  /** Whether the head chooses the token after the {@code index}th row, and writes no logits. */
  public boolean chooses(int index) {
    return ids[index] != null;
  }

  /**
   * Where the logits of the {@code index}th row go, from {@link #offset} on.
   *
   * @throws IllegalStateException when its token is to be chosen
   */
  public float[] target(int index) {
    if (chooses(index)) {
      throw new IllegalStateException("this head gives logits, but row " + rows[index] + " asks for a chosen token");
    }
    return logits[index];
  }

  /** Where in its {@link #target} the logits of the {@code index}th row begin. */
  public int offset(int index) {
    return offsets[index];
  }

  /** How the token after the {@code index}th row is chosen. */
  public SamplingParams sampling(int index) {
    return samplings[index];
  }

  /** Position of the token after the {@code index}th row, whose noise it is chosen with. */
  public int position(int index) {
    return positions[index];
  }

  /** Writes the token that was chosen after the {@code index}th row. */
  public void chosen(int index, int id) {
    ids[index][offsets[index]] = id;
  }
}
