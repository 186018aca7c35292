package dev.layermesh.engine.lane;

import dev.layermesh.decoding.HiddenRows;
import dev.layermesh.engine.Transformer;
import dev.layermesh.engine.backend.Batch;
import dev.layermesh.engine.backend.LogitRows;
import dev.layermesh.engine.backend.Tensor;
import dev.layermesh.engine.lane.Step.Ask;
import dev.layermesh.engine.lane.Step.Input;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;

/**
 * A transformer of a lane, the queues of steps for it, and the admission to its memory. It keeps the objects that a
 * step needs and fills them anew, so that a step allocates nothing. Belongs to the lane's thread; any thread may read
 * the counters.
 */
final class Stage {
  final Transformer transformer;
  final KvAdmission admission;
  final Deque<Order.Run> urgent = new ArrayDeque<>(); // postponed by the last batch
  final List<Order.Run> postponed = new ArrayList<>(); // younger sessions of the batch being made hold their blocks
  final Deque<Order.Run> decoding = new ArrayDeque<>();
  final Deque<Order.Run> prefilling = new ArrayDeque<>();

  // Of the step that runs.
  private final Batch batch = new Batch();
  private final LogitRows logitRows;
  private Tensor states; // [rows or more, D]

  // Written by the lane's thread alone, read by any.
  private volatile long steps;
  private volatile long rows;
  private volatile long decodeSteps;
  private volatile long decodeRows;

  /**
   * A stage with empty queues.
   *
   * @param rows of a step, usually
   */
  Stage(Transformer transformer, int rows) {
    this.transformer = transformer;
    this.admission = new KvAdmission(transformer.memory());
    this.logitRows = new LogitRows(transformer.config().vocabSize());
    this.states = transformer.tensor(rows);
  }

  /** Waiting steps that decode. */
  int pressing() {
    return urgent.size() + decoding.size();
  }

  boolean isIdle() {
    return pressing() == 0 && prefilling.isEmpty();
  }

  /** Runs all of {@code runs} in one step, and writes the logits, tokens and states that they ask for. */
  void run(List<Order.Run> runs) {
    place(runs);
    transformer.layers(batch, states);
    transformer.logits(states, logitRows);
    for (int i = 0, row = 0; i < runs.size(); row += batch.rows(i), i++) {
      keep(row, runs.get(i).step().states());
    }
    transformer.finish();
    steps++;
    rows += batch.rows();
    decodeSteps += logitRows.size() > 0 ? 1 : 0;
    decodeRows += logitRows.size();
  }

  /** Writes the rows of all runs into one tensor, in order. */
  private void place(List<Order.Run> runs) {
    batch.clear();
    logitRows.clear();
    for (int i = 0; i < runs.size(); i++) {
      Step step = runs.get(i).step();
      if (step.ask().isPresent()) {
        switch (step.ask().get()) {
          case Ask.Logits ask -> logitRows.add(batch.rows(), step.rows(), ask.into());
          case Ask.Choice ask ->
              logitRows.choose(batch.rows(), step.rows(), ask.sampling(), step.first() + 1, ask.into());
        }
      }
      batch.add(runs.get(i).tenant().cacheAt(step.first()), step.first(), step.rows());
    }
    if (states.rows() < batch.rows()) {
      states = transformer.tensor(batch.rows());
    }
    for (int i = 0, row = 0; i < runs.size(); row += batch.rows(i), i++) {
      switch (runs.get(i).step().input()) {
        case Input.Tokens tokens -> transformer.embed(tokens.ids(), states, row);
        case Input.States given -> load(given.parts(), row);
      }
    }
  }

  private void load(List<HiddenRows> parts, int first) {
    for (int i = 0, row = first; i < parts.size(); row += parts.get(i).count(), i++) {
      transformer.load(parts.get(i), states, row);
    }
  }

  private void keep(int first, List<HiddenRows> rooms) {
    for (int i = 0, row = first; i < rooms.size(); row += rooms.get(i).count(), i++) {
      transformer.store(states, row, rooms.get(i));
    }
  }

  /** Counters; any thread. */
  LaneStats stats() {
    return new LaneStats(steps, rows, decodeSteps, decodeRows);
  }
}
