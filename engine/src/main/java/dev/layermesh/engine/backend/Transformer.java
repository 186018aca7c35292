package dev.layermesh.engine.backend;

import dev.layermesh.decoding.Distribution;
import dev.layermesh.decoding.HiddenRows;
import dev.layermesh.decoding.TokenIds;
import dev.layermesh.engine.checkpoint.LoadListener;
import dev.layermesh.engine.checkpoint.Weights;
import dev.layermesh.engine.model.LayerPlan;
import dev.layermesh.engine.model.ModelConfig;
import java.util.List;
import java.util.Optional;
import java.util.function.LongConsumer;

/**
 * Layers of a Llama model loaded on a backend: embed, layers, head. Every mode of decoding is a composition of the
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

  /** Where caches take their blocks from. */
  public KvMemory memory() {
    return stack.memory();
  }

  /** Embeddings of the tokens, [ids.length(), hiddenSize]. */
  public Tensor embed(TokenIds ids) {
    return embedding
        .orElseThrow(() -> new IllegalStateException("layers from " + plan.first() + " on take states, not tokens"))
        .embed(ids);
  }

  /** States that other layers left, as one tensor. */
  public Tensor load(List<HiddenRows> parts) {
    return backend.load(parts);
  }

  /** Runs the layers on {@code states} in place; see {@link LayerStack#run}. */
  public void layers(Batch batch, Tensor states) {
    stack.run(batch, states);
  }

  /** What the asked rows' next tokens are drawn from; see {@link Head#distributions}. */
  public List<Distribution> head(Tensor states, List<Head.Ask> asks) {
    return asks.isEmpty()
        ? List.of()
        : head.orElseThrow(() -> new IllegalStateException("no head was loaded")).distributions(states, asks);
  }

  /** Logits of some rows; see {@link Head#logits}. */
  public float[][] logits(Tensor states, int[] rows) {
    return head.orElseThrow(() -> new IllegalStateException("no head was loaded")).logits(states, rows);
  }

  /** A copy of some rows that outlives the step. */
  public HiddenRows store(Tensor states, int from, int count) {
    return backend.store(states, from, count);
  }
}
