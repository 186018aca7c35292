package dev.layermesh.engine.lane;

import dev.layermesh.decoding.Distribution;
import dev.layermesh.decoding.HiddenRows;
import java.util.List;
import java.util.Optional;

/** What became of rows that a session wanted to be run. */
public sealed interface StepResult {

  /**
   * They were.
   *
   * @param states residual stream after the last layer, of rows that started from tokens
   * @param next what each row's next token is drawn from, if it was asked for
   */
  record Done(Optional<HiddenRows> states, List<Distribution> next) implements StepResult {
    public Done {
      next = List.copyOf(next);
    }
  }

  /** They were not. */
  sealed interface Refused extends StepResult {}

  /** There is no room for their keys and values now; nothing was run, nothing lost. */
  record NoRoom() implements Refused {}

  /**
   * The session's rows had to make room for another's, and nothing was run: rows from {@code cached} on must be run again.
   */
  record Preempted(int cached) implements Refused {}
}
