package dev.layermesh.engine.lane;

import dev.layermesh.decoding.HiddenRows;
import dev.layermesh.decoding.SamplingParams;
import dev.layermesh.decoding.TokenIds;
import java.util.Optional;

/**
 * Rows of one session to run through a lane's layers.
 *
 * @param first position of the first row; whatever the cache holds from there on is forgotten
 * @param input where the rows start from
 * @param ask how to choose the next token after each row; empty for rows that only fill the cache
 */
record Step(int first, Input input, Optional<SamplingParams> ask) {

  /** What rows start from. */
  sealed interface Input {
    int count();

    /** Tokens, to be embedded; the states after the last layer are kept. */
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

  /** Whether the result holds the states after the last layer: those of whoever runs the first ones. */
  boolean keepsStates() {
    return input instanceof Input.Tokens;
  }

  /**
   * Whether somebody waits for a token: such steps go before prefill. A row alone is on its way to one, be it that
   * another stage will be asked.
   */
  boolean decodes() {
    return ask.isPresent() || rows() == 1;
  }
}
