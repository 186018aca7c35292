package dev.layermesh.engine.device;

import dev.layermesh.decoding.AcceptanceRule;
import dev.layermesh.decoding.HiddenRows;
import dev.layermesh.decoding.PositionRandom.Purpose;
import dev.layermesh.decoding.Sampler;
import dev.layermesh.decoding.SamplingParams;
import dev.layermesh.engine.backend.Backend;
import dev.layermesh.engine.backend.BackendOptions;
import dev.layermesh.engine.backend.Embedding;
import dev.layermesh.engine.backend.Head;
import dev.layermesh.engine.backend.LayerStack;
import dev.layermesh.engine.backend.LogitRows;
import dev.layermesh.engine.backend.Tensor;
import dev.layermesh.engine.checkpoint.LayerWeights;
import dev.layermesh.engine.checkpoint.TensorView;
import dev.layermesh.engine.cpu.kernels.Activations;
import dev.layermesh.engine.cpu.kernels.FloatArray;
import dev.layermesh.engine.cpu.kernels.Kernels;
import dev.layermesh.engine.cpu.kernels.ScalarKernels;
import dev.layermesh.engine.cpu.kernels.StoredFloats;
import dev.layermesh.engine.cpu.kernels.StoredMatrix;
import dev.layermesh.engine.kv.KvType;
import dev.layermesh.engine.model.LayerPlan;
import dev.layermesh.engine.model.ModelConfig;
import java.util.List;
import java.util.function.LongConsumer;

/** The device's backend: every call is queued, and {@link #finish} is the only one that waits. */
public final class FakeBackend implements Backend {
  private static final int STEP_ROWS = 24;

  private final BackendOptions options;
  private final FakeQueue queue;
  private final Kernels kernels = new ScalarKernels();

  FakeBackend(BackendOptions options) {
    this.options = options;
    this.queue = new FakeQueue(options.device());
  }

  /** Loses the device: every later step fails. Any thread may call it. */
  public void lose() {
    queue.lose();
  }

  @Override
  public String arithmetic() {
    return options.kv().type() == KvType.F32 ? "scalar-f32" : "scalar-f32-kv-" + options.kv().type();
  }

  @Override
  public Embedding embedding(ModelConfig config, TensorView weights) {
    return (ids, into, row) -> {
      FakeTensor tensor = FakeTensor.of(into, config.hiddenSize());
      float[] values = new float[ids.length() * config.hiddenSize()];
      for (int t = 0; t < ids.length(); t++) {
        if (ids.id(t) >= config.vocabSize()) {
          throw new IllegalStateException("token " + ids.id(t) + " in a vocabulary of " + config.vocabSize());
        }
        weights.widen(ids.id(t), 0, values, t * config.hiddenSize());
      }
      queue.add(() -> tensor.write(values, row));
    };
  }

  @Override
  public LayerStack prepare(ModelConfig config, LayerPlan plan, List<LayerWeights> weights, LongConsumer loaded) {
    weights.forEach(layer -> layer.projections().forEach(view -> loaded.accept(view.data().byteSize())));
    return new FakeLayerStack(queue, options.kv(), config, plan, weights);
  }

  @Override
  public Head head(ModelConfig config, TensorView norm, TensorView projection, LongConsumer loaded) {
    loaded.accept(projection.data().byteSize());
    return new Head() {
      @Override
      public boolean chooses(SamplingParams sampling) {
        return sampling.greedy() || sampling.acceptance() instanceof AcceptanceRule.SharedNoise;
      }

      @Override
      public void logits(Tensor states, LogitRows rows) {
        FakeTensor residual = FakeTensor.of(states, config.hiddenSize());
        for (int i = 0; i < rows.size(); i++) {
          if (!rows.chooses(i) || !chooses(rows.sampling(i))) {
            throw new IllegalStateException("logits never leave this device");
          }
        }
        queue.add(() -> choose(config, norm, projection, residual, rows));
      }
    };
  }

  private void choose(ModelConfig config, TensorView norm, TensorView projection, FakeTensor states, LogitRows rows) {
    for (int i = 0; i < rows.size(); i++) {
      float[] logits = product(kernels, normed(kernels, config, states.read(rows.row(i), 1), norm), projection);
      SamplingParams sampling = rows.sampling(i);
      var distribution = Sampler.distribution(logits, 0, logits.length, sampling);
      rows.chosen(i, Sampler.pick(distribution, sampling.random(), Purpose.TARGET, rows.position(i)));
    }
  }

  static float[] normed(Kernels kernels, ModelConfig config, float[] x, TensorView norm) {
    float[] out = new float[x.length];
    for (int at = 0; at < x.length; at += config.hiddenSize()) {
      kernels.rmsNorm(x, at, StoredFloats.vector(norm), config.rmsNormEps(), out);
    }
    return out;
  }

  static float[] product(Kernels kernels, float[] x, TensorView w) {
    int rows = x.length / w.columns();
    float[] out = new float[rows * w.rows()];
    kernels.matmul(new StoredMatrix(w), 0, w.rows(), Activations.of(x, rows, w.columns()), new FloatArray(out));
    return out;
  }

  @Override
  public Tensor tensor(int rows, int width) {
    return new FakeTensor(rows, width);
  }

  @Override
  public void load(HiddenRows states, Tensor into, int row) {
    FakeTensor tensor = FakeTensor.of(into, states.width());
    queue.add(() -> tensor.write(states.bytes().toArray(StoredFloats.FLOAT), row));
  }

  @Override
  public HiddenRows room(int count, int width) {
    return new FakeRows(count, width);
  }

  @Override
  public void store(Tensor states, int from, HiddenRows into) {
    FakeTensor tensor = FakeTensor.of(states, into.width());
    FakeRows rows = (FakeRows) into;
    rows.queue();
    queue.add(() -> rows.arrive(tensor.read(from, rows.count())));
  }

  @Override
  public void finish() {
    queue.await();
  }

  @Override
  public int stepRows() {
    return STEP_ROWS;
  }

  @Override
  public void close() {
    queue.close();
  }
}
