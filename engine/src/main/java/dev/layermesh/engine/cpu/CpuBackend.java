package dev.layermesh.engine.cpu;

import dev.layermesh.decoding.HiddenRows;
import dev.layermesh.engine.backend.Backend;
import dev.layermesh.engine.backend.Embedding;
import dev.layermesh.engine.backend.Head;
import dev.layermesh.engine.backend.LayerStack;
import dev.layermesh.engine.backend.Tensor;
import dev.layermesh.engine.checkpoint.LayerWeights;
import dev.layermesh.engine.checkpoint.TensorView;
import dev.layermesh.engine.cpu.kernels.StoredFloats;
import dev.layermesh.engine.cpu.kernels.Kernels;
import dev.layermesh.engine.cpu.kernels.Matrix;
import dev.layermesh.engine.kv.KvType;
import dev.layermesh.engine.model.LayerPlan;
import dev.layermesh.engine.model.ModelConfig;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.LongConsumer;
import java.util.function.Supplier;

/**
 * Computes on the CPU, with a residual stream in float32. The family of kernels and the form of its weights are
 * parameters; all families run the same forward pass. The checkpoint must stay open as long as the backend is used,
 * because the backend reads token embeddings from the file. Used by one thread, its lane; several backends may live in
 * one JVM.
 */
final class CpuBackend implements Backend {
  private static final int STEP_ROWS = 128; // a prompt takes some tenths of a second for them on a small machine

  private final KernelThreads threads;
  private final Matrices matrices;
  private final CpuOptions options;
  private final Arena arena = Arena.ofShared();
  private final Map<List<TensorView>, Head> heads = new HashMap<>(); // by norm and projection: slices share one

  /**
   * A backend.
   *
   * @param kernels makes the kernels of one thread
   * @param matrices the form of weights that they read
   */
  CpuBackend(Supplier<? extends Kernels> kernels, Matrices matrices, CpuOptions options) {
    this.threads = new KernelThreads(kernels, options);
    this.matrices = matrices;
    this.options = options;
  }

  @Override
  public String arithmetic() {
    String floats = threads.own().name() + "-f32";
    return switch (options.kv().type()) {
      case F32 -> floats;
      case Q8_0 -> floats + "-kv-" + KvType.Q8_0;
    };
  }

  @Override
  public Embedding embedding(ModelConfig config, TensorView weights) {
    requireShape(weights, config.vocabSize(), config.hiddenSize());
    return (ids, into, row) -> {
      float[] values = HeapTensor.of(into, config.hiddenSize()).values();
      for (int t = 0; t < ids.length(); t++) {
        if (ids.id(t) >= config.vocabSize()) {
          throw new IllegalStateException("token " + ids.id(t) + " in a vocabulary of " + config.vocabSize());
        }
        weights.widen(ids.id(t), 0, values, (row + t) * config.hiddenSize());
      }
    };
  }

  @Override
  public LayerStack prepare(ModelConfig config, LayerPlan plan, List<LayerWeights> weights, LongConsumer loaded) {
    return new CpuLayerStack(threads, options, config, plan, weights, views -> prepare(views, loaded));
  }

  @Override
  public Head head(ModelConfig config, TensorView norm, TensorView projection, LongConsumer loaded) {
    requireShape(projection, config.vocabSize(), config.hiddenSize());
    Head known = heads.get(List.of(norm, projection));
    if (known != null) {
      loaded.accept(projection.data().byteSize());
      return known;
    }
    Head head = new CpuHead(threads, config, norm, prepare(List.of(projection), loaded).getFirst());
    heads.put(List.of(norm, projection), head);
    return head;
  }

  private List<Matrix> prepare(List<TensorView> views, LongConsumer loaded) {
    return matrices.prepare(views, threads, arena, loaded);
  }

  @Override
  public Tensor tensor(int rows, int width) {
    return HeapTensor.empty(rows, width);
  }

  @Override
  public void load(HiddenRows states, Tensor into, int row) {
    int width = into.width();
    if (states.width() != width || states.type() != HiddenRows.Type.F32) {
      throw new IllegalStateException(
          "rows of " + states.width() + " " + states.type() + " where " + width + " F32 belong");
    }
    float[] values = HeapTensor.of(into, width).values();
    MemorySegment.copy(states.bytes(), StoredFloats.FLOAT, 0, values, row * width, states.count() * width);
  }

  @Override
  public HiddenRows room(int count, int width) {
    return new HeapRows(count, width);
  }

  @Override
  public void store(Tensor states, int from, HiddenRows into) {
    HeapRows.of(into).copy(HeapTensor.of(states, into.width()), from);
  }

  @Override
  public void finish() {
    // every call has done its work when it returns
  }

  @Override
  public int stepRows() {
    return STEP_ROWS;
  }

  @Override
  public void close() {
    threads.close();
    if (arena.scope().isAlive()) {
      arena.close();
    }
  }

  static void requireShape(TensorView weights, int rows, int columns) {
    if (weights.rows() != rows || weights.columns() != columns) {
      throw new IllegalStateException(weights.name() + " is [" + weights.rows() + ", " + weights.columns()
          + "], the model needs [" + rows + ", " + columns + "]");
    }
  }
}
