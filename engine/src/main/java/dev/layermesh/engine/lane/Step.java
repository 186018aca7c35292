package dev.layermesh.engine.lane;

import dev.layermesh.decoding.HiddenRows;
import dev.layermesh.decoding.TokenIds;
import java.util.Optional;

/**
 * Rows of one session to run through a lane's layers, and room for what comes of it: the session's thread makes all of
 * it, the lane's only writes there.
 *
 * @param first position of the first row; whatever the cache holds from there on is forgotten
 * @param input where the rows start from
 * @param logits where those of each row go, [rows, vocabSize] or longer; empty for rows that only fill the cache
 * @param states where the residual stream after the last layer goes, if anybody wants it
 */
record Step(int first, Input input, Optional<float[]> logits, Optional<HiddenRows> states) {

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

    /** States that earlier layers left. */
    record States(HiddenRows rows) implements Input {
      @Override
      public int count() {
        return rows.count();
      }
    }
  }

  int rows() {
    return input.count();
  }

  /** Position after the last row. */
  int end() {
    return first + rows();
  }

  /**
   * Whether somebody waits for a token: such steps go before prefill. A row alone is on its way to one, be it that
   * another stage will be asked.
   */
  boolean decodes() {
    return logits.isPresent() || rows() == 1;
  }
}
