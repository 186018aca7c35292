package dev.layermesh.engine.speculation;

import dev.layermesh.decoding.HiddenRows;
import dev.layermesh.decoding.OverloadedException;
import dev.layermesh.decoding.SamplingParams;
import dev.layermesh.decoding.TokenIds;
import dev.layermesh.decoding.TokenList;
import dev.layermesh.decoding.TokenSequence;
import dev.layermesh.engine.kv.PrefixHit;
import dev.layermesh.engine.lane.LaneSession;
import dev.layermesh.engine.lane.StepResult;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/**
 * Rows of one session at one stage of a lane, by position: the tokens they belong to, and how many the lane still holds
 * keys and values of. Takes rows that other sessions with the same prefix share, shares its own full blocks, and runs
 * rows again that the lane took from it. Belongs to the session's thread; {@link #close} may come from any.
 */
final class CachedRows implements AutoCloseable {
  private static final Duration LONGEST_WAIT = Duration.ofMinutes(1); // then another worker is the better choice
  private static final Duration FIRST_PAUSE = Duration.ofMillis(1);
  private static final Duration LONGEST_PAUSE = Duration.ofMillis(50);
  private static final Optional<SamplingParams> NOTHING = Optional.empty();

  private final LaneSession lane;
  private final TokenList tokens = new TokenList();
  private int cached; // less than the tokens after a preemption
  private int shared; // full blocks that other sessions may use
  private boolean seeking = true; // whether other sessions may have run the next rows

  /** States of full blocks for the sessions that share them; empty where a stage's states are not kept. */
  @FunctionalInterface
  interface BlockStates {
    BlockStates NONE = (_, _) -> Optional.empty();

    Optional<HiddenRows> of(int from, int to);
  }

  /** No row yet. */
  CachedRows(LaneSession lane) {
    this.lane = lane;
  }

  /** Tokens of all rows that have run and were not forgotten. */
  TokenSequence tokens() {
    return tokens;
  }

  /** Rows that have run and were not forgotten. */
  int length() {
    return tokens.length();
  }

  /** Rows whose keys and values the lane holds: all of them until it preempts the session. */
  int cached() {
    return cached;
  }

  /** Rows run for this session so far. */
  long rowsRun() {
    return lane.rowsRun();
  }

  /** Rows of one step at most, for longer input. */
  int partRows() {
    return lane.partRows();
  }

  /** Forgets positions from {@code length} on, if there are any. */
  void truncate(int length) {
    tokens.truncate(length);
    cached = Math.min(cached, length);
    shared = Math.min(shared, length / lane.blockPositions());
  }

  /**
   * Takes rows of the next tokens from other sessions, as many as there are. Does not look for them again once it has
   * found fewer than asked for.
   *
   * @return states that were shared with these rows, in order
   */
  List<HiddenRows> hitPrefix(TokenIds next) throws InterruptedException {
    if (!seeking || next.isEmpty()) {
      return List.of();
    }
    PrefixHit hit = lane.hitPrefix(tokens.length(), next);
    seeking = hit.positions() == next.length();
    if (hit.positions() > 0) {
      tokens.append(next.slice(0, hit.positions()));
      cached = tokens.length();
      shared = cached / lane.blockPositions();
    }
    return hit.states();
  }

  /**
   * Runs the next rows, in one step, from states of earlier layers. Refused, it caches no row more; after a preemption
   * it may cache fewer than {@link #length()}.
   */
  StepResult run(TokenIds ids, HiddenRows states, Optional<SamplingParams> ask) throws InterruptedException {
    return note(ids, lane.run(cached, states, ask));
  }

  /**
   * Runs the next rows, in one step, from tokens. Waits while there is no memory for them, and first runs rows again
   * that a preemption took.
   *
   * @param keep where the states after the last layer go; empty if they are not kept
   * @throws OverloadedException when there is no memory for a minute
   */
  StepResult.Done run(TokenIds ids, List<HiddenRows> keep, Optional<SamplingParams> ask) throws InterruptedException {
    long sinceNanos = System.nanoTime();
    Duration pause = FIRST_PAUSE;
    while (true) {
      boolean again = cached < tokens.length();
      switch (again ? runAgain() : note(ids, lane.run(cached, ids, keep, ask))) {
        case StepResult.Done done when !again -> {
          return done;
        }
        case StepResult.Done _ -> {}
        case StepResult.Preempted _ -> {}
        case StepResult.NoRoom _ -> {
          requirePatience(sinceNanos);
          Thread.sleep(pause);
          pause = pause.multipliedBy(2).compareTo(LONGEST_PAUSE) < 0 ? pause.multipliedBy(2) : LONGEST_PAUSE;
        }
      }
    }
  }

  private StepResult runAgain() throws InterruptedException {
    TokenIds part = tokens.slice(cached, Math.min(tokens.length(), cached + lane.partRows()));
    return note(part, lane.run(cached, part, List.of(), NOTHING));
  }

  private void requirePatience(long sinceNanos) {
    if (System.nanoTime() - sinceNanos > LONGEST_WAIT.toNanos()) {
      throw new OverloadedException("no room for keys and values of position " + cached + " for "
          + LONGEST_WAIT.toSeconds() + " s: --kv-memory would have to be larger");
    }
  }

  /** Counts what became of rows from {@link #cached} on. */
  private StepResult note(TokenIds ids, StepResult result) throws InterruptedException {
    switch (result) {
      case StepResult.Done _ -> {
        cached += ids.length();
        if (cached > tokens.length()) {
          tokens.append(ids);
        }
      }
      case StepResult.NoRoom _ -> {}
      case StepResult.Preempted preempted -> {
        cached = preempted.cached();
        cached += lane.hitPrefix(cached, tokens.slice(cached, tokens.length())).positions();
        shared = cached / lane.blockPositions();
        seeking = true;
      }
    }
    return result;
  }

  /** Lets other sessions use all full blocks of the first {@code settled} positions. */
  void share(int settled, BlockStates states) {
    int positions = lane.blockPositions();
    while (lane.sharesPrefixes() && (shared + 1) * positions <= Math.min(settled, cached)) {
      int from = shared * positions;
      int to = from + positions;
      lane.share(shared, tokens.slice(from, to), states.of(from, to));
      shared++;
    }
  }

  @Override
  public void close() {
    lane.close();
  }
}
