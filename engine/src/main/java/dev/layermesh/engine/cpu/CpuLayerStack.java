package dev.layermesh.engine.cpu;

import static dev.layermesh.engine.cpu.CpuBackend.requireShape;

import dev.layermesh.engine.backend.Batch;
import dev.layermesh.engine.backend.LayerStack;
import dev.layermesh.engine.backend.Tensor;
import dev.layermesh.engine.checkpoint.LayerWeights;
import dev.layermesh.engine.checkpoint.TensorView;
import dev.layermesh.engine.cpu.KernelThreads.Product;
import dev.layermesh.engine.cpu.KernelThreads.Work;
import dev.layermesh.engine.cpu.kernels.Activations;
import dev.layermesh.engine.cpu.kernels.StoredFloats;
import dev.layermesh.engine.cpu.kernels.FloatArray;
import dev.layermesh.engine.cpu.kernels.Kernels;
import dev.layermesh.engine.cpu.kernels.KvPageStorage;
import dev.layermesh.engine.cpu.kernels.KvPages;
import dev.layermesh.engine.cpu.kernels.KvShape;
import dev.layermesh.engine.cpu.kernels.Matrix;
import dev.layermesh.engine.cpu.kernels.RopeTable;
import dev.layermesh.engine.kv.KvPool;
import dev.layermesh.engine.kv.KvType;
import dev.layermesh.engine.model.LayerPlan;
import dev.layermesh.engine.model.ModelConfig;
import dev.layermesh.engine.packed.PackedFormat;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/**
 * The forward pass of Llama layers (pre-norm, grouped-query attention, SwiGLU), in one place.
 *
 * <p>Shapes: T rows of a step, D hidden size, F intermediate size, H heads, HKV key/value heads, HD head dimension.
 */
final class CpuLayerStack implements LayerStack {

  /** Brings weights into the form that kernels read. */
  @FunctionalInterface
  interface Prepare {
    List<Matrix> matrices(List<TensorView> views);
  }

  /**
   * A layer that runs: its norms as float32, and products of its matrices.
   *
   * @param kv which of the attending layers of a block it is, where it attends
   */
  private record Layer(
      LayerPlan.Layer parts, int kv, float[] inputNorm, Product[] qkv, Product[] o, float[] postNorm, Product[] gateUp,
      Product[] down) {

    static boolean takeQuants(Product[] products) {
      for (Product product : products) {
        if (product.w().takesQuants()) {
          return true;
        }
      }
      return false;
    }
  }

  private final KernelThreads threads;
  private final ModelConfig config;
  private final List<Layer> layers = new ArrayList<>();
  private final RopeTable rope;
  private final KvPageStorage storage;
  private final KvPool memory;
  private final Activations normed; // [T, D]
  private final FloatArray delta = new FloatArray(); // [T, D], what a block adds to the residual stream
  private final FloatArray q = new FloatArray(); // [T, H*HD]
  private final Activations k; // [T, HKV*HD]
  private final Activations v; // [T, HKV*HD]
  private final Activations attended; // [T, H*HD]
  private final Activations gate; // [T, F]
  private final FloatArray up = new FloatArray(); // [T, F]

  // Of the step that runs, for the pieces of work below, which are made once, so that a step allocates nothing.
  private KvPages[] pages = {}; // [T], keys and values of a row's session in the layer that runs
  private int[] positions = {}; // [T]
  private int rows; // T
  private float[] residual = {}; // [T, D], the residual stream
  private float[] norm = {}; // [D], of the block that runs
  private boolean quantizes; // whether its matrices take quants
  private final Work normRows = this::normRows;
  private final Work turnRows = this::turnRows;
  private final Work attendHeads = this::attendHeads;
  private final Work quantizeAttended = this::quantizeAttended;
  private final Work gateStretches = this::gateStretches;
  private final Work addToResidual = this::addToResidual;

  CpuLayerStack(
      KernelThreads threads,
      CpuOptions options,
      ModelConfig config,
      LayerPlan plan,
      List<LayerWeights> weights,
      Prepare prepare) {
    if (weights.size() != plan.size()) {
      throw new IllegalStateException("weights of " + weights.size() + " layers for a plan of " + plan.size());
    }
    this.threads = threads;
    this.config = config;
    this.rope = new RopeTable(config.rope().inverseFrequencies(config.headDim()));
    int attendingLayers = (int) plan.layers().stream().filter(LayerPlan.Layer::attention).count();
    this.storage = new KvPageStorage(new KvShape(
        options.kv().type(), attendingLayers, config.numKvHeads(), config.headDim(), options.pagePositions()));
    this.memory = new KvPool(storage, options.kv());
    boolean spread = threads.own().spreadsQuants();
    this.normed = new Activations(config.hiddenSize(), spread);
    this.k = new Activations(config.numKvHeads() * config.headDim(), false); // no product reads them
    this.v = new Activations(config.numKvHeads() * config.headDim(), false);
    this.attended = new Activations(config.numHeads() * config.headDim(), spread);
    this.gate = new Activations(config.intermediateSize(), spread);
    weights.forEach(this::requireShapes);
    List<Matrix> matrices = prepare.matrices(weights.stream().flatMap(layer -> layer.projections().stream()).toList());
    int kv = 0;
    for (int i = 0; i < weights.size(); i++) {
      LayerWeights layer = weights.get(i);
      List<Matrix> w = matrices.subList(i * LayerWeights.PROJECTIONS, (i + 1) * LayerWeights.PROJECTIONS);
      layers.add(new Layer(
          plan.layers().get(i),
          kv,
          StoredFloats.vector(layer.inputNorm()),
          new Product[] {
              new Product(w.get(0), q), new Product(w.get(1), k.values()), new Product(w.get(2), v.values())},
          new Product[] {new Product(w.get(3), delta)},
          StoredFloats.vector(layer.postNorm()),
          new Product[] {new Product(w.get(4), gate.values()), new Product(w.get(5), up)},
          new Product[] {new Product(w.get(6), delta)}));
      kv += plan.layers().get(i).attention() ? 1 : 0;
    }
  }

  @Override
  public KvPool memory() {
    return memory;
  }

  @Override
  public void run(Batch batch, Tensor states) {
    residual = HeapTensor.of(states, config.hiddenSize()).values();
    batch.reserve(memory, config.maxPositions(), states.rows());
    place(batch);
    threads.begin();
    try {
      runLayers(batch);
    } finally {
      threads.end();
    }
    batch.advance();
  }

  private void runLayers(Batch batch) {
    for (int i = 0; i < layers.size(); i++) {
      Layer layer = layers.get(i);
      if (layer.parts.attention()) {
        show(batch, layer.kv);
        norm(layer.inputNorm, layer.qkv);
        threads.matmul(normed, layer.qkv);
        attend(layer);
        threads.matmul(attended, layer.o);
        threads.split(rows, (long) rows * config.hiddenSize(), addToResidual);
      }
      if (layer.parts.mlp()) {
        norm(layer.postNorm, layer.gateUp);
        threads.matmul(normed, layer.gateUp);
        gate(layer);
        threads.matmul(gate, layer.down);
        threads.split(rows, (long) rows * config.hiddenSize(), addToResidual);
      }
    }
  }

  private void norm(float[] weight, Product[] users) {
    norm = weight;
    quantizes = Layer.takeQuants(users);
    threads.split(rows, 4L * rows * config.hiddenSize(), normRows);
  }

  private void normRows(Kernels kernels, int from, int to) {
    for (int t = from; t < to; t++) {
      kernels.rmsNorm(residual, t * config.hiddenSize(), norm, config.rmsNormEps(), normed.values().array());
    }
    if (quantizes) {
      kernels.quantize(normed, from * normed.blocksPerRow(), to * normed.blocksPerRow());
    }
  }

  /**
   * Attention of every head of every row over its session's positions up to its own: softmax(q · K / sqrt(HD)) · V
   * (Vaswani et al., "Attention Is All You Need", 2017, eq. 1).
   */
  private void attend(Layer layer) {
    int width = attended.width();
    threads.split(rows, 4L * rows * width, turnRows);
    long held = 0;
    for (int t = 0; t < rows; t++) {
      held += positions[t] + 1;
    }
    threads.split(rows * config.numKvHeads(), 2 * held * width, attendHeads);
    if (Layer.takeQuants(layer.o)) {
      threads.split(rows * attended.blocksPerRow(), 4L * rows * width, quantizeAttended);
    }
  }

  /** Rotary embedding of q and k; writes keys and values to the caches. */
  private void turnRows(Kernels kernels, int from, int to) {
    for (int t = from; t < to; t++) {
      kernels.rope(q.array(), t * attended.width(), config.numHeads(), rope, positions[t]);
      kernels.rope(k.values().array(), t * k.width(), config.numKvHeads(), rope, positions[t]);
    }
    if (storage.shape().type() == KvType.Q8_0) {
      kernels.quantize(k, from * k.blocksPerRow(), to * k.blocksPerRow());
      kernels.quantize(v, from * v.blocksPerRow(), to * v.blocksPerRow());
    }
    for (int t = from; t < to; t++) {
      pages[t].put(positions[t], k, v, t);
    }
  }

  /** Softmax and weighted sum of the values; query heads that share a key and value head go together. */
  private void attendHeads(Kernels kernels, int from, int to) {
    int kvHeads = config.numKvHeads();
    int group = config.numHeads() / kvHeads;
    for (int i = from; i < to; i++) {
      int t = i / kvHeads;
      kernels.attention(pages[t], i % kvHeads, group, positions[t] + 1, q.array(), i * group * config.headDim(),
          attended.values().array());
    }
  }

  private void quantizeAttended(Kernels kernels, int from, int to) {
    kernels.quantize(attended, from, to);
  }

  private void gate(Layer layer) {
    quantizes = Layer.takeQuants(layer.down);
    int inner = rows * config.intermediateSize();
    threads.split(Math.ceilDiv(inner, PackedFormat.BLOCK), 16L * inner, gateStretches);
  }

  /** Stretches of as many elements as a block has. */
  private void gateStretches(Kernels kernels, int from, int to) {
    int last = Math.min(to * PackedFormat.BLOCK, rows * config.intermediateSize());
    kernels.swiGlu(gate.values().array(), up.array(), from * PackedFormat.BLOCK, last);
    if (quantizes) {
      kernels.quantize(gate, from, to);
    }
  }

  /** {@code residual += delta}: what the attention or the MLP of a layer adds to the residual stream. */
  private void addToResidual(Kernels kernels, int from, int to) {
    kernels.add(residual, delta.array(), from * config.hiddenSize(), to * config.hiddenSize());
  }

  /** Notes the position of each row. */
  private void place(Batch batch) {
    rows = batch.rows();
    reserve();
    for (int i = 0, row = 0; i < batch.segments(); i++) {
      for (int j = 0; j < batch.rows(i); j++) {
        positions[row++] = batch.first(i) + j;
      }
      rope.reach(batch.first(i) + batch.rows(i));
    }
  }

  /** Shows each row its session's keys and values in an attending layer. */
  private void show(Batch batch, int kv) {
    for (int i = 0, row = 0; i < batch.segments(); i++) {
      for (int j = 0; j < batch.rows(i); j++) {
        pages[row++].show(batch.cache(i), kv);
      }
    }
  }

  private void reserve() {
    if (positions.length < rows) {
      positions = new int[rows];
      pages = Stream.generate(() -> new KvPages(storage)).limit(rows).toArray(KvPages[]::new);
    }
    normed.reserve(rows);
    delta.reserve(rows * config.hiddenSize());
    q.reserve(rows * config.numHeads() * config.headDim());
    k.reserve(rows);
    v.reserve(rows);
    attended.reserve(rows);
    gate.reserve(rows);
    up.reserve(rows * config.intermediateSize());
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
