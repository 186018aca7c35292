package dev.layermesh.engine.cpu;

import dev.layermesh.engine.backend.LogitRows;
import dev.layermesh.engine.backend.Head;
import dev.layermesh.engine.backend.Tensor;
import dev.layermesh.engine.checkpoint.TensorView;
import dev.layermesh.engine.cpu.KernelThreads.Product;
import dev.layermesh.engine.cpu.kernels.Activations;
import dev.layermesh.engine.cpu.kernels.StoredFloats;
import dev.layermesh.engine.cpu.kernels.FloatArray;
import dev.layermesh.engine.cpu.kernels.Matrix;
import dev.layermesh.engine.model.ModelConfig;

/** Final RMSNorm and output projection. Shapes: T rows asked for, D hidden size, V vocabulary. */
final class CpuHead implements Head {
  private static final int MAX_LOGITS = 1 << 24; // 64 MiB at a time; more rows take turns

  private final KernelThreads threads;
  private final ModelConfig config;
  private final float[] norm; // [D]
  private final Matrix projection; // [V, D]
  private final FloatArray gathered = new FloatArray(); // [T, D]
  private final Activations normed; // [T, D]
  private final FloatArray logits = new FloatArray(); // [T, V]
  private final Product[] project;

  CpuHead(KernelThreads threads, ModelConfig config, TensorView norm, Matrix projection) {
    CpuBackend.requireShape(norm, 1, config.hiddenSize());
    this.threads = threads;
    this.config = config;
    this.norm = StoredFloats.vector(norm);
    this.projection = projection;
    this.normed = new Activations(config.hiddenSize(), threads.own().spreadsQuants());
    this.project = new Product[] {new Product(projection, logits)};
  }

  @Override
  public void logits(Tensor states, LogitRows rows) {
    float[] x = HeapTensor.of(states, config.hiddenSize()).values();
    int atOnce = Math.max(1, MAX_LOGITS / config.vocabSize());
    threads.begin();
    try {
      for (int first = 0; first < rows.size(); first += atOnce) {
        project(x, rows, first, Math.min(atOnce, rows.size() - first));
      }
    } finally {
      threads.end();
    }
  }

  private void project(float[] x, LogitRows rows, int first, int count) {
    int width = config.hiddenSize();
    int vocab = config.vocabSize();
    gathered.reserve(count * width);
    normed.reserve(count);
    logits.reserve(count * vocab);
    for (int t = 0; t < count; t++) {
      System.arraycopy(x, rows.row(first + t) * width, gathered.array(), t * width, width);
      threads.own().rmsNorm(gathered.array(), t * width, norm, config.rmsNormEps(), normed.values().array());
    }
    if (projection.takesQuants()) {
      threads.own().quantize(normed, 0, count * normed.blocksPerRow());
    }
    threads.matmul(normed, project);
    for (int t = 0; t < count; t++) {
      System.arraycopy(logits.array(), t * vocab, rows.target(first + t), rows.offset(first + t), vocab);
    }
  }
}
