package dev.layermesh.engine.backend;

import dev.layermesh.decoding.Distribution;
import dev.layermesh.decoding.Sampler;
import dev.layermesh.engine.backend.Crew.Product;
import dev.layermesh.engine.checkpoint.TensorView;
import dev.layermesh.engine.model.ModelConfig;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Final RMSNorm and output projection. Shapes: T rows asked for, D hidden size, V vocabulary. */
final class CpuHead implements Head {
  private static final int MAX_LOGITS = 1 << 24; // 64 MiB at a time; more rows take turns

  private final Crew crew;
  private final ModelConfig config;
  private final float[] norm; // [D]
  private final Matrix projection; // [V, D]
  private final Floats gathered = new Floats(); // [T, D]
  private final Activations normed; // [T, D]
  private final Floats logits = new Floats(); // [T, V]
  private final Product project;

  CpuHead(Crew crew, ModelConfig config, TensorView norm, Matrix projection) {
    CpuBackend.requireShape(norm, 1, config.hiddenSize());
    this.crew = crew;
    this.config = config;
    this.norm = Elements.vector(norm);
    this.projection = projection;
    this.normed = new Activations(config.hiddenSize(), crew.own().spreadsQuants());
    this.project = new Product(projection, logits);
  }

  /** What becomes of the logits of one asked row: V values from {@code offset}. */
  private interface RowSink {
    void accept(int index, float[] logits, int offset);
  }

  @Override
  public float[][] logits(Tensor states, int[] rows) {
    float[][] all = new float[rows.length][];
    project(states, rows, (i, logits, offset) ->
        all[i] = Arrays.copyOfRange(logits, offset, offset + config.vocabSize()));
    return all;
  }

  @Override
  public List<Distribution> distributions(Tensor states, List<Ask> asks) {
    List<Distribution> all = new ArrayList<>(asks.size());
    project(states, asks.stream().mapToInt(Ask::row).toArray(), (i, logits, offset) ->
        all.add(Sampler.distribution(logits, offset, config.vocabSize(), asks.get(i).sampling())));
    return all;
  }

  private void project(Tensor states, int[] rows, RowSink sink) {
    int width = config.hiddenSize();
    int vocab = config.vocabSize();
    float[] x = Rows.of(states, width).values();
    int atOnce = Math.max(1, MAX_LOGITS / vocab);
    for (int first = 0; first < rows.length; first += atOnce) {
      int count = Math.min(atOnce, rows.length - first);
      gathered.reserve(count * width);
      normed.reserve(count);
      logits.reserve(count * vocab);
      for (int t = 0; t < count; t++) {
        System.arraycopy(x, rows[first + t] * width, gathered.array(), t * width, width);
        crew.own().rmsNorm(gathered.array(), t * width, norm, config.rmsNormEps(), normed.values().array());
      }
      if (projection.takesQuants()) {
        crew.own().quantize(normed, 0, count * normed.blocksPerRow());
      }
      crew.matmul(normed, project);
      for (int t = 0; t < count; t++) {
        sink.accept(first + t, logits.array(), t * vocab);
      }
    }
  }
}
