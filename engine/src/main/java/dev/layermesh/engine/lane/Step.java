package dev.layermesh.engine.lane;

import dev.layermesh.decoding.HiddenRows;
import dev.layermesh.decoding.SamplingParams;
import dev.layermesh.decoding.TokenIds;
import java.util.List;
import java.util.Optional;

/**
 * Rows of one session to run through a stage's layers, and the memory for the results. The session's thread makes all
 * of it; the lane's thread only writes into it.
 *
 * @param first position of the first row; the cache forgets positions from there on
 * @param input what the rows start from
 * @param ask what is asked of the head about the token after each row; empty for rows that only fill the cache
 * @param states where the residual stream after the last layer goes, rooms of as many rows together; empty if it is not
 *     kept
 */
record Step(int first, Input input, Optional<Ask> ask, List<HiddenRows> states) {
  Step {
    int room = states.stream().mapToInt(HiddenRows::count).sum();
    if (!states.isEmpty() && room != input.count()) {
      throw new IllegalArgumentException("room for the states of " + room + " rows, not of " + input.count());
    }
  }

  /** What rows start from. */
  sealed interface Input {
    int count();

    /** Tokens, to be embedded. */
    record Tokens(TokenIds ids) implements Input {
      @Override
      public int count() {
        return ids.length();
      }
    }

    /**
     * The residual stream after earlier layers.
     *
     * @param parts in order, each in one piece of memory
     */
    record States(List<HiddenRows> parts, int count) implements Input {
      States(HiddenRows rows) {
        this(rows.parts(), rows.count());
      }
    }
  }

  /** What is asked of the head, and where it writes the answer. */
  sealed interface Ask {

    /** The logits of each row, [rows, vocabSize] or longer. */
    record Logits(float[] into) implements Ask {}

    /** The token that the head itself chooses after each row, [rows] or longer. */
    record Choice(SamplingParams sampling, int[] into) implements Ask {}
  }

  int rows() {
    return input.count();
  }

  /** Position after the last row. */
  int end() {
    return first + rows();
  }

  /**
   * Whether the session decodes; such steps run before prefill. A single row decodes even if it asks the head for
   * nothing: a draft's last row does that, and the next stage waits for it.
   */
  boolean decodes() {
    return ask.isPresent() || rows() == 1;
  }
}
