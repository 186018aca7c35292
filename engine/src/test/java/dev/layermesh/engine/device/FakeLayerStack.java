package dev.layermesh.engine.device;

import dev.layermesh.engine.backend.Batch;
import dev.layermesh.engine.backend.LayerStack;
import dev.layermesh.engine.backend.Tensor;
import dev.layermesh.engine.checkpoint.LayerWeights;
import dev.layermesh.engine.checkpoint.TensorView;
import dev.layermesh.engine.cpu.kernels.Activations;
import dev.layermesh.engine.cpu.kernels.Kernels;
import dev.layermesh.engine.cpu.kernels.KvPageStorage;
import dev.layermesh.engine.cpu.kernels.KvPages;
import dev.layermesh.engine.cpu.kernels.KvShape;
import dev.layermesh.engine.cpu.kernels.RopeTable;
import dev.layermesh.engine.cpu.kernels.ScalarKernels;
import dev.layermesh.engine.kv.KvCache;
import dev.layermesh.engine.kv.KvOptions;
import dev.layermesh.engine.kv.KvPool;
import dev.layermesh.engine.kv.KvType;
import dev.layermesh.engine.model.LayerPlan;
import dev.layermesh.engine.model.ModelConfig;
import java.util.List;

/** Llama layers on the device, each row of a batch after the other, with the verbs of the scalar kernels. */
final class FakeLayerStack implements LayerStack {
  private final FakeQueue queue;
  private final ModelConfig config;
  private final LayerPlan plan;
  private final List<LayerWeights> weights;
  private final KvType type;
  private final FakeKvStorage storage;
  private final KvPool memory;
  private final Kernels kernels = new ScalarKernels();
  private final RopeTable rope;

  FakeLayerStack(FakeQueue queue, KvOptions kv, ModelConfig config, LayerPlan plan, List<LayerWeights> weights) {
    this.queue = queue;
    this.config = config;
    this.plan = plan;
    this.weights = weights;
    this.type = kv.type();
    int attending = (int) plan.layers().stream().filter(LayerPlan.Layer::attention).count();
    this.storage =
        new FakeKvStorage(attending, config.numKvHeads() * config.headDim(), kv.blockPositions(), queue);
    this.memory = new KvPool(storage, kv);
    this.rope = new RopeTable(config.rope().inverseFrequencies(config.headDim()));
  }

  @Override
  public KvPool memory() {
    return memory;
  }

  /** A segment of the batch as the device sees it: numbers, no object of the JVM. */
  private record Segment(int[] blocks, int first, int rows) {}

  @Override
  public void run(Batch batch, Tensor states) {
    FakeTensor residual = FakeTensor.of(states, config.hiddenSize());
    batch.reserve(memory, config.maxPositions(), states.rows());
    int row = 0;
    for (int i = 0; i < batch.segments(); i++) {
      int[] blocks = new int[memory.blocksOf(batch.first(i) + batch.rows(i))];
      for (int block = 0; block < blocks.length; block++) {
        blocks[block] = batch.cache(i).block(block);
      }
      var segment = new Segment(blocks, batch.first(i), batch.rows(i));
      int at = row;
      queue.add(() -> run(segment, residual, at));
      row += batch.rows(i);
    }
    batch.advance();
  }

  private void run(Segment segment, FakeTensor states, int at) {
    float[] residual = states.read(at, segment.rows); // [T, D]
    rope.reach(segment.first + segment.rows);
    int kv = 0;
    for (int i = 0; i < plan.size(); i++) {
      LayerWeights w = weights.get(i);
      LayerPlan.Layer parts = plan.layers().get(i);
      if (parts.attention()) {
        add(residual, product(attended(segment, w, kv++, normed(residual, w.inputNorm())), w.o()));
      }
      if (parts.mlp()) {
        float[] x = normed(residual, w.postNorm());
        float[] gate = product(x, w.gate());
        kernels.swiGlu(gate, product(x, w.up()), 0, gate.length);
        add(residual, product(gate, w.down()));
      }
    }
    states.write(residual, at);
  }

  private float[] attended(Segment segment, LayerWeights w, int layer, float[] x) {
    int queries = config.numHeads() * config.headDim();
    int width = config.numKvHeads() * config.headDim();
    float[] q = product(x, w.q());
    float[] k = product(x, w.k());
    float[] v = product(x, w.v());
    int positions = memory.blockPositions();
    for (int t = 0; t < segment.rows; t++) {
      int position = segment.first + t;
      kernels.rope(q, t * queries, config.numHeads(), rope, position);
      kernels.rope(k, t * width, config.numKvHeads(), rope, position);
      storage.put(segment.blocks[position / positions], layer, position % positions, k, v, t);
    }
    KvPages pages = pages(segment, layer);
    float[] out = new float[q.length];
    int group = config.numHeads() / config.numKvHeads();
    for (int t = 0; t < segment.rows; t++) {
      for (int head = 0; head < config.numKvHeads(); head++) {
        kernels.attention(pages, head, group, segment.first + t + 1, q,
            t * queries + head * group * config.headDim(), out);
      }
    }
    return out;
  }

  /** All positions of a segment in a layer, in the form that the scalar kernels read. */
  private KvPages pages(Segment segment, int layer) {
    int end = segment.first + segment.rows;
    int width = config.numKvHeads() * config.headDim();
    float[] keys = new float[end * width];
    float[] values = new float[end * width];
    for (int position = 0; position < end; position++) {
      int block = segment.blocks[position / memory.blockPositions()];
      storage.get(block, layer, position % memory.blockPositions(), keys, values, position);
    }
    var scratch = new KvPageStorage(new KvShape(type, 1, config.numKvHeads(), config.headDim(), 64));
    KvCache all = new KvPool(scratch, new KvOptions(Long.MAX_VALUE, 64, false)).newCache();
    all.reserve(end);
    var pages = new KvPages(scratch);
    pages.show(all, 0);
    Activations k = Activations.of(keys, end, width);
    Activations v = Activations.of(values, end, width);
    if (type == KvType.Q8_0) {
      kernels.quantize(k, 0, end * k.blocksPerRow());
      kernels.quantize(v, 0, end * v.blocksPerRow());
    }
    for (int position = 0; position < end; position++) {
      pages.put(position, k, v, position);
    }
    return pages;
  }

  private float[] normed(float[] x, TensorView norm) {
    return FakeBackend.normed(kernels, config, x, norm);
  }

  private float[] product(float[] x, TensorView w) {
    return FakeBackend.product(kernels, x, w);
  }

  private void add(float[] residual, float[] delta) {
    kernels.add(residual, delta, 0, residual.length);
  }
}
