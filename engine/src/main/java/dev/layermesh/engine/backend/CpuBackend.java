package dev.layermesh.engine.backend;

import dev.layermesh.decoding.HiddenRows;
import dev.layermesh.engine.checkpoint.LayerWeights;
import dev.layermesh.engine.checkpoint.TensorView;
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
 * Computes on the CPU, with a residual stream in float32. The family of kernels and the form of the weights that it
 * reads are parameters; what kernels are composed to is the same for all. The checkpoint stays open as long as the
 * backend is used: token embeddings are read where they lie. Used by one thread, its lane; several backends live side
 * by side.
 */
final class CpuBackend implements Backend {
  private final Crew crew;
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
    this.crew = new Crew(kernels, options);
    this.matrices = matrices;
    this.options = options;
  }

  @Override
  public String arithmetic() {
    String floats = "cpu-" + crew.own().name() + "-f32";
    return switch (options.kv().type()) {
      case F32 -> floats;
      case Q8_0 -> floats + "-kv-" + KvType.Q8_0;
    };
  }

  @Override
  public Embedding embedding(ModelConfig config, TensorView weights) {
    requireShape(weights, config.vocabSize(), config.hiddenSize());
    return ids -> {
      Rows states = Rows.empty(ids.length(), config.hiddenSize());
      for (int t = 0; t < ids.length(); t++) {
        if (ids.id(t) >= config.vocabSize()) {
          throw new IllegalStateException("token " + ids.id(t) + " in a vocabulary of " + config.vocabSize());
        }
        weights.widen(ids.id(t), 0, states.values(), t * config.hiddenSize());
      }
      return states;
    };
  }

  @Override
  public LayerStack prepare(ModelConfig config, LayerPlan plan, List<LayerWeights> weights, LongConsumer loaded) {
    return new CpuLayerStack(crew, options, config, plan, weights, views -> prepare(views, loaded));
  }

  @Override
  public Head head(ModelConfig config, TensorView norm, TensorView projection, LongConsumer loaded) {
    requireShape(projection, config.vocabSize(), config.hiddenSize());
    Head known = heads.get(List.of(norm, projection));
    if (known != null) {
      loaded.accept(projection.data().byteSize());
      return known;
    }
    Head head = new CpuHead(crew, config, norm, prepare(List.of(projection), loaded).getFirst());
    heads.put(List.of(norm, projection), head);
    return head;
  }

  private List<Matrix> prepare(List<TensorView> views, LongConsumer loaded) {
    return matrices.prepare(views, crew, arena, loaded);
  }

  @Override
  public Tensor load(List<HiddenRows> parts) {
    int width = parts.getFirst().width();
    Rows states = Rows.empty(parts.stream().mapToInt(HiddenRows::count).sum(), width);
    int at = 0;
    for (HiddenRows part : parts) {
      if (part.width() != width || part.type() != HiddenRows.Type.F32) {
        throw new IllegalStateException(
            "rows of " + part.width() + " " + part.type() + " where " + width + " F32 belong");
      }
      int elements = part.count() * width;
      MemorySegment.copy(part.bytes(), Elements.FLOAT, 0, states.values(), at, elements);
      at += elements;
    }
    return states;
  }

  @Override
  public HiddenRows store(Tensor states, int from, int count) {
    Rows rows = Rows.of(states, states.width());
    int elements = Math.multiplyExact(count, rows.width());
    MemorySegment copy = MemorySegment.ofArray(new byte[Math.multiplyExact(elements, Float.BYTES)]);
    MemorySegment.copy(rows.values(), from * rows.width(), copy, Elements.FLOAT, 0, elements);
    return new HiddenRows.Host(count, rows.width(), HiddenRows.Type.F32, copy);
  }

  @Override
  public void close() {
    crew.close();
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
