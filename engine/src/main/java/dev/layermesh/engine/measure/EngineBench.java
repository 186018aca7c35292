package dev.layermesh.engine.measure;

import dev.layermesh.decoding.InputException;
import dev.layermesh.decoding.TokenIds;
import dev.layermesh.engine.EngineOptions;
import dev.layermesh.engine.Transformer;
import dev.layermesh.engine.backend.LogitRows;
import dev.layermesh.engine.backend.Backend;
import dev.layermesh.engine.backend.Batch;
import dev.layermesh.engine.backend.Tensor;
import dev.layermesh.engine.checkpoint.LoadListener;
import dev.layermesh.engine.kv.KvCache;
import dev.layermesh.engine.model.ModelConfig;
import java.util.Random;

/** A whole model on one backend, to be timed step by step without lanes and sessions. Belongs to one thread. */
public final class EngineBench implements AutoCloseable {
  private static final int VERIFY_STEPS = 8; // of a test: one alone would be too short to time

  private final WholeModel model;
  private final ReadProbe probe;
  private final Random random = new Random(1);
  private Tensor states; // [rows or more, D], of every step
  private float[] logits = {}; // [rows asked or more, V], likewise

  private EngineBench(WholeModel model, ReadProbe probe) {
    this.model = model;
    this.probe = probe;
    this.states = model.transformer().tensor(1);
  }

  /**
   * Loads a whole model.
   *
   * @throws dev.layermesh.decoding.InputException naming what is wrong with options or files
   */
  public static EngineBench open(EngineOptions options, LoadListener listener) {
    return new EngineBench(WholeModel.open(options, listener), new ReadProbe(options.threads()));
  }

  /** What is computed on; see {@link Backend#arithmetic()}. */
  public String arithmetic() {
    return model.backend().arithmetic();
  }

  /**
   * Runs a test once, after one step to touch what it needs. Memory's read rate is measured just before.
   *
   * @param depth positions before the rows of a verify step
   */
  public Timing run(StepTest test, int depth) {
    requireFits(test, depth);
    double readRate = probe.bytesPerSecond();
    try (KvCache cache = model.transformer().newCache()) {
      return switch (test) {
        case StepTest.Decode decode -> {
          step(cache, 1, 1);
          cache.truncate(0);
          yield time(test, decode.steps(), 1, readRate, () -> step(cache, 1, 1));
        }
        case StepTest.Verify verify -> {
          step(cache, depth, 0);
          step(cache, verify.rows(), verify.rows());
          yield time(test, VERIFY_STEPS, verify.rows(), readRate, () -> {
            cache.truncate(depth);
            step(cache, verify.rows(), verify.rows());
          });
        }
        case StepTest.Prefill prefill -> time(test, 1, prefill.rows(), readRate, () -> step(cache, prefill.rows(), 1));
      };
    }
  }

  private void requireFits(StepTest test, int depth) {
    ModelConfig config = model.config();
    int positions = switch (test) {
      case StepTest.Decode decode -> decode.steps();
      case StepTest.Verify verify -> depth + verify.rows();
      case StepTest.Prefill prefill -> prefill.rows();
    };
    if (positions > config.maxPositions()) {
      throw InputException.of(
          "test", test.name(), "takes " + positions + " positions, the model has " + config.maxPositions());
    }
  }

  private Timing time(StepTest test, int steps, int rows, double readRate, Runnable step) {
    long start = System.nanoTime();
    for (int i = 0; i < steps; i++) {
      step.run();
    }
    double seconds = (System.nanoTime() - start) / 1e9 / steps;
    return new Timing(test, rows, seconds, model.weightBytes() / seconds, readRate);
  }

  /** Runs random tokens behind what the cache holds, with logits of the last {@code asked} rows. */
  private void step(KvCache cache, int rows, int asked) {
    int vocabulary = model.config().vocabSize();
    Transformer transformer = model.transformer();
    TokenIds ids = TokenIds.of(random.ints(rows, 0, vocabulary).toArray());
    if (states.rows() < rows) {
      states = transformer.tensor(rows);
    }
    if (logits.length < asked * vocabulary) {
      logits = new float[asked * vocabulary];
    }
    transformer.embed(ids, states, 0);
    transformer.layers(Batch.of(cache, cache.length(), rows), states);
    transformer.logits(states, new LogitRows(vocabulary).add(rows - asked, asked, logits));
    transformer.finish();
  }

  @Override
  public void close() {
    probe.close();
    model.close();
  }
}
