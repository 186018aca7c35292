package dev.layermesh.engine.backend;

import static dev.layermesh.engine.backend.CpuBackend.requireShape;

import dev.layermesh.engine.backend.Batch.Segment;
import dev.layermesh.engine.backend.Crew.Product;
import dev.layermesh.engine.checkpoint.LayerWeights;
import dev.layermesh.engine.model.LayerPlan;
import dev.layermesh.engine.model.ModelConfig;
import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Set;

/**
 * The forward pass of Llama layers (pre-norm, grouped-query attention, SwiGLU), in one place.
 *
 * <p>Shapes: T rows of a step, D hidden size, F intermediate size, H heads, HKV key/value heads, HD head dimension.
 */
final class CpuLayerStack implements LayerStack {

  /** A layer that runs; norms as float32, once. */
  private record Layer(LayerPlan.Layer parts, LayerWeights weights, float[] inputNorm, float[] postNorm) {}

  /** A row of a step: whose and which position. */
  private record Row(CpuKvCache cache, int position) {}

  private final Crew crew;
  private final CpuOptions options;
  private final ModelConfig config;
  private final List<Layer> layers = new ArrayList<>();
  private final RopeTable rope;
  private float[] normed = {}; // [T, D]
  private float[] delta = {}; // [T, D], what a block adds to the residual stream
  private float[] q = {}; // [T, H*HD]
  private float[] k = {}; // [T, HKV*HD]
  private float[] v = {}; // [T, HKV*HD]
  private float[] attended = {}; // [T, H*HD]
  private float[] gate = {}; // [T, F]
  private float[] up = {}; // [T, F]

  CpuLayerStack(Crew crew, CpuOptions options, ModelConfig config, LayerPlan plan, List<LayerWeights> weights) {
    if (weights.size() != plan.size()) {
      throw new IllegalStateException("weights of " + weights.size() + " layers for a plan of " + plan.size());
    }
    this.crew = crew;
    this.options = options;
    this.config = config;
    this.rope = new RopeTable(config.rope().inverseFrequencies(config.headDim()));
    for (int i = 0; i < weights.size(); i++) {
      LayerWeights layer = weights.get(i);
      requireShapes(layer);
      layers.add(new Layer(
          plan.layers().get(i), layer, Elements.vector(layer.inputNorm()), Elements.vector(layer.postNorm())));
    }
  }

  @Override
  public KvCache newCache() {
    return new CpuKvCache(this, layers.stream()
        .filter(layer -> layer.parts.attention())
        .map(_ -> new KvPages(config.numKvHeads(), config.headDim(), options.pagePositions()))
        .toList());
  }

  @Override
  public void run(Batch batch, Tensor states) {
    float[] x = Rows.of(states, config.hiddenSize()).values(); // [T, D]
    List<Row> rows = rows(batch, states.rows());
    reserve(rows.size());
    int attending = 0;
    for (Layer layer : layers) {
      LayerWeights w = layer.weights;
      if (layer.parts.attention()) {
        norm(x, rows.size(), layer.inputNorm);
        crew.matmul(normed, rows.size(), new Product(w.q(), q), new Product(w.k(), k), new Product(w.v(), v));
        turnAndKeep(rows, attending);
        attend(rows, attending);
        crew.matmul(attended, rows.size(), new Product(w.o(), delta));
        crew.own().add(x, delta, 0, x.length);
        attending++;
      }
      if (layer.parts.mlp()) {
        norm(x, rows.size(), layer.postNorm);
        crew.matmul(normed, rows.size(), new Product(w.gate(), gate), new Product(w.up(), up));
        int inner = rows.size() * config.intermediateSize();
        crew.split(inner, 16L * inner, (kernels, from, to) -> kernels.swiGlu(gate, up, from, to));
        crew.matmul(gate, rows.size(), new Product(w.down(), delta));
        crew.own().add(x, delta, 0, x.length);
      }
    }
    rows.forEach(row -> row.cache.advance(row.position + 1));
  }

  private void norm(float[] x, int rows, float[] weight) {
    for (int t = 0; t < rows; t++) {
      crew.own().rmsNorm(x, t * config.hiddenSize(), weight, config.rmsNormEps(), normed);
    }
  }

  /** Rotary embedding of q and k; keys and values go to the caches. */
  private void turnAndKeep(List<Row> rows, int attending) {
    int queries = config.numHeads() * config.headDim();
    int keys = config.numKvHeads() * config.headDim();
    for (int t = 0; t < rows.size(); t++) {
      Row row = rows.get(t);
      crew.own().rope(q, t * queries, config.numHeads(), rope, row.position);
      crew.own().rope(k, t * keys, config.numKvHeads(), rope, row.position);
      row.cache.layer(attending).put(row.position, k, v, t * keys);
    }
  }

  /** Every head of every row over its session's positions up to its own. */
  private void attend(List<Row> rows, int attending) {
    int heads = config.numHeads();
    int group = heads / config.numKvHeads();
    long positions = rows.stream().mapToLong(row -> row.position + 1).sum();
    crew.split(rows.size() * heads, 2 * positions * heads * config.headDim(), (kernels, from, to) -> {
      for (int i = from; i < to; i++) {
        Row row = rows.get(i / heads);
        KvPages pages = row.cache.layer(attending);
        kernels.attention(pages, i % heads / group, row.position + 1, q, i * config.headDim(), attended);
      }
    });
  }

  private List<Row> rows(Batch batch, int expected) {
    if (batch.rows() != expected) {
      throw new IllegalStateException("a batch of " + batch.rows() + " rows over " + expected + " rows of states");
    }
    Set<KvCache> seen = Collections.newSetFromMap(new IdentityHashMap<>());
    for (Segment segment : batch.segments()) {
      if (!(segment.cache() instanceof CpuKvCache cache && cache.servesIn(this)) || !seen.add(segment.cache())) {
        throw new IllegalStateException("a cache that is another stack's, closed or twice in the batch");
      }
      if (cache.length() != segment.first() || segment.first() > config.maxPositions() - segment.rows()) {
        throw new IllegalStateException(segment.rows() + " rows from position " + segment.first() + ", cache holds "
            + cache.length() + ", the model " + config.maxPositions());
      }
    }
    List<Row> rows = new ArrayList<>(expected);
    for (Segment segment : batch.segments()) {
      CpuKvCache cache = (CpuKvCache) segment.cache();
      cache.reach(segment.first() + segment.rows());
      rope.reach(segment.first() + segment.rows());
      for (int i = 0; i < segment.rows(); i++) {
        rows.add(new Row(cache, segment.first() + i));
      }
    }
    return rows;
  }

  private void reserve(int rows) {
    normed = Scratch.atLeast(normed, rows * config.hiddenSize());
    delta = Scratch.atLeast(delta, rows * config.hiddenSize());
    q = Scratch.atLeast(q, rows * config.numHeads() * config.headDim());
    k = Scratch.atLeast(k, rows * config.numKvHeads() * config.headDim());
    v = Scratch.atLeast(v, rows * config.numKvHeads() * config.headDim());
    attended = Scratch.atLeast(attended, rows * config.numHeads() * config.headDim());
    gate = Scratch.atLeast(gate, rows * config.intermediateSize());
    up = Scratch.atLeast(up, rows * config.intermediateSize());
  }

  private void requireShapes(LayerWeights layer) {
    int hidden = config.hiddenSize();
    int queries = config.numHeads() * config.headDim();
    int keys = config.numKvHeads() * config.headDim();
    requireShape(layer.inputNorm(), 1, hidden);
    requireShape(layer.q(), queries, hidden);
    requireShape(layer.k(), keys, hidden);
    requireShape(layer.v(), keys, hidden);
    requireShape(layer.o(), hidden, queries);
    requireShape(layer.postNorm(), 1, hidden);
    requireShape(layer.gate(), config.intermediateSize(), hidden);
    requireShape(layer.up(), config.intermediateSize(), hidden);
    requireShape(layer.down(), hidden, config.intermediateSize());
  }
}
