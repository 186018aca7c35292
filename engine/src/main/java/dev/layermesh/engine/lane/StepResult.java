package dev.layermesh.engine.lane;

import dev.layermesh.decoding.Distribution;
import java.util.List;

/** What became of the rows that a session submitted. */
public sealed interface StepResult {

  /**
   * They have run.
   *
   * @param next the distribution of each row's next token; empty if they were not asked for
   */
  record Done(List<Distribution> next) implements StepResult {
    public Done {
      next = List.copyOf(next);
    }
  }

  /** They have not run, and the cache holds no row more than before. */
  sealed interface Refused extends StepResult {}

  /** There is no memory for their keys and values now. The session keeps its rows and may submit again later. */
  record NoRoom() implements Refused {}

  /**
   * The session was preempted: an older one took its blocks. Rows from {@code cached} on must run again before these.
   */
  record Preempted(int cached) implements Refused {}
}
