package dev.layermesh.engine;

import dev.layermesh.decoding.HiddenRows;
import dev.layermesh.decoding.SamplingParams;
import dev.layermesh.decoding.TokenIds;
import dev.layermesh.engine.backend.LogitRows;
import dev.layermesh.engine.backend.Backend;
import dev.layermesh.engine.backend.Batch;
import dev.layermesh.engine.backend.Embedding;
import dev.layermesh.engine.backend.Head;
import dev.layermesh.engine.backend.LayerStack;
import dev.layermesh.engine.backend.Tensor;
import dev.layermesh.engine.checkpoint.LoadListener;
import dev.layermesh.engine.checkpoint.Weights;
import dev.layermesh.engine.kv.KvCache;
import dev.layermesh.engine.kv.KvPool;
import dev.layermesh.engine.model.LayerPlan;
import dev.layermesh.engine.model.ModelConfig;
import java.util.Optional;
import java.util.function.LongConsumer;

/**
 * Layers of a Llama model loaded on a backend: embed, layers, logits. Every mode of decoding is a composition of the
 * three. Belongs to one thread.
 */
public final class Transformer {
  private final ModelConfig config;
  private final LayerPlan plan;
  private final Backend backend;
  private final Optional<Embedding> embedding;
  private final LayerStack stack;
  private final Optional<Head> head;

  private Transformer(
      ModelConfig config,
      LayerPlan plan,
      Backend backend,
      Optional<Embedding> embedding,
      LayerStack stack,
      Optional<Head> head) {
    this.config = config;
    this.plan = plan;
    this.backend = backend;
    this.embedding = embedding;
    this.stack = stack;
    this.head = head;
  }

  /**
   * Prepares what {@code weights} hold for running on {@code backend}.
   *
   * @param listener told how far reading them has come
   */
  public static Transformer prepare(ModelConfig config, Weights weights, Backend backend, LoadListener listener) {
    LayerPlan plan = weights.slice().plan();
    var progress = new Progress(weights.preparedBytes(), listener);
    return new Transformer(
        config,
        plan,
        backend,
        weights.embedding().map(table -> backend.embedding(config, table)),
        backend.prepare(config, plan, weights.layers(), progress),
        weights.head().map(head -> backend.head(config, head.norm(), head.projection(), progress)));
  }

  /** Adds up what has been read. */
  private static final class Progress implements LongConsumer {
    private final long total;
    private final LoadListener listener;
    private long done;

    Progress(long total, LoadListener listener) {
      this.total = total;
      this.listener = listener;
    }

    @Override
    public void accept(long bytes) {
      done += bytes;
      listener.progressed(done, total);
    }
  }

  public ModelConfig config() {
    return config;
  }

  public LayerPlan plan() {
    return plan;
  }

  /** An empty cache for a session. */
  public KvCache newCache() {
    return stack.newCache();
  }

  /** The blocks that caches hold. */
  public KvPool memory() {
    return stack.memory();
  }

  /** Room for the residual stream of {@code rows} rows; used again by many steps. */
  public Tensor tensor(int rows) {
    return backend.tensor(rows, config.hiddenSize());
  }

  /** Writes embeddings of the tokens into the rows of {@code into} from {@code row} on. */
  public void embed(TokenIds ids, Tensor into, int row) {
    if (embedding.isEmpty()) {
      throw new IllegalStateException("layers from " + plan.first() + " on take states, not tokens");
    }
    embedding.get().embed(ids, into, row);
  }

  /** Writes states that other layers left into the rows of {@code into} from {@code row} on. */
  public void load(HiddenRows states, Tensor into, int row) {
    backend.load(states, into, row);
  }

  /** Runs the layers on {@code states} in place; see {@link LayerStack#run}. */
  public void layers(Batch batch, Tensor states) {
    stack.run(batch, states);
  }

  /** Computes logits of some rows, if there are any; see {@link Head#logits}. */
  public void logits(Tensor states, LogitRows rows) {
    if (rows.size() == 0) {
      return;
    }
    if (head.isEmpty()) {
      throw new IllegalStateException("no head was loaded");
    }
    head.get().logits(states, rows);
  }

  /** Whether the head chooses tokens itself; see {@link Head#chooses}. Any thread. */
  public boolean chooses(SamplingParams sampling) {
    return head.isPresent() && head.get().chooses(sampling);
  }

  /** Ends a step: waits for what its calls write; see {@link Backend#finish}. */
  public void finish() {
    backend.finish();
  }

  /** Room for {@code count} rows that outlive their step; any thread. */
  public HiddenRows room(int count) {
    return backend.room(count, config.hiddenSize());
  }

  /** Copies rows from {@code from} on into {@link #room}. */
  public void store(Tensor states, int from, HiddenRows into) {
    backend.store(states, from, into);
  }
}
