package dev.layermesh.engine.lane;

import dev.layermesh.decoding.Distribution;
import dev.layermesh.decoding.HiddenRows;
import dev.layermesh.decoding.SamplingParams;
import dev.layermesh.decoding.TokenIds;
import java.util.List;
import java.util.Optional;

/**
 * Rows of one session to run through a lane's layers.
 *
 * @param first position of the first row; whatever the cache holds from there on is forgotten
 * @param input where the rows start from
 * @param keepStates whether the result holds the states after the last layer
 * @param ask how to choose the next token after each row; empty for rows that only fill the cache
 */
record Step(int first, Input input, boolean keepStates, Optional<SamplingParams> ask) {

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

  /**
   * What became of a step.
   *
   * @param states residual stream after the last layer, if it was to be kept
   * @param next what each row's next token is drawn from, if it was asked for
   */
  record Result(Optional<HiddenRows> states, List<Distribution> next) {}

  int rows() {
    return input.count();
  }

  /**
   * Whether somebody waits for a token: such steps go before prefill. A row alone is on its way to one, be it that
   * another stage will be asked.
   */
  boolean decodes() {
    return ask.isPresent() || rows() == 1;
  }
}
