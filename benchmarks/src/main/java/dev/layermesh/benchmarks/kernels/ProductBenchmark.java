package dev.layermesh.benchmarks.kernels;

import dev.layermesh.engine.checkpoint.DType;
import dev.layermesh.engine.checkpoint.TensorView;
import dev.layermesh.engine.cpu.kernels.Activations;
import dev.layermesh.engine.cpu.kernels.FloatArray;
import dev.layermesh.engine.cpu.kernels.Kernels;
import dev.layermesh.engine.cpu.kernels.PackedMatrix;
import dev.layermesh.engine.cpu.kernels.ScalarKernels;
import dev.layermesh.engine.cpu.kernels.StoredMatrix;
import dev.layermesh.engine.cpu.os.NativeMemory;
import dev.layermesh.engine.packed.PackedFormat;
import dev.layermesh.engine.packed.Packer;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * Products of a few rows with a packed matrix, on one thread. Matrices take turns so that weights come from memory,
 * as they do in a model; traffic is packed weights alone.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 3, time = 1)
@Fork(1)
public class ProductBenchmark {
  private static final double TOLERANCE = 2e-6; // some 30 roundings of the sum of magnitudes
  private static final int CHECKED = 64; // rows of w at each end

  /** One stored type for each packed format. */
  @Param({"F32", "F16", "BF16", "Q8_0", "Q4_0", "Q5_1", "Q4_1", "Q5_K", "Q4_K", "Q6_K"})
  DType dtype;

  /** Of x. */
  @Param({"1", "4", "8", "16", "128"})
  int rows;

  /** Which kernels. */
  @Param
  KernelFamily family;

  /** Of w. */
  @Param("4096")
  int outer;

  /** Of w and x. */
  @Param("2048")
  int columns;

  /** All matrices together: far beyond any cache. */
  @Param("256")
  int megabytes;

  private final Arena arena = Arena.ofShared();
  private final FloatArray out = new FloatArray();
  private Kernels kernels;
  private Activations x;
  private PackedMatrix[] matrices;
  private int turn;

  /** Packs weights and checks a product of them. */
  @Setup(Level.Trial)
  public void pack() {
    kernels = family.create();
    var random = new Random(1);
    TensorView stored = RandomWeights.matrix(random, dtype, outer, columns);
    long bytes = Packer.bytes(stored);
    int count = Math.toIntExact(Math.max(1, Math.ceilDiv((long) megabytes << 20, bytes)));
    MemorySegment memory = NativeMemory.allocate(count * bytes, arena);
    matrices = new PackedMatrix[count];
    for (int i = 0; i < count; i++) {
      matrices[i] = new PackedMatrix(
          stored.name(), Packer.format(stored), outer, columns, memory.asSlice(i * bytes, bytes));
      if (i == 0) {
        Packer.pack(stored, 0, matrices[0].parts(), matrices[0].data());
      } else {
        matrices[i].data().copyFrom(matrices[0].data());
      }
    }
    x = Activations.of(Checks.randoms(random, rows * columns), rows, columns);
    if (matrices[0].takesQuants()) {
      kernels.quantize(x, 0, rows * x.blocksPerRow());
    }
    out.reserve(rows * outer);
    check(stored);
  }

  private void check(TensorView stored) {
    kernels.matmul(matrices[0], 0, matrices[0].parts(), x, out);
    Activations exact = matrices[0].takesQuants() ? Activations.of(dequantized(), rows, columns) : x;
    var expected = new FloatArray(new float[rows * outer]);
    var reference = new ScalarKernels();
    reference.matmul(new StoredMatrix(stored), 0, CHECKED, exact, expected);
    reference.matmul(new StoredMatrix(stored), outer - CHECKED, outer, exact, expected);
    float[] weights = new float[columns];
    for (int i = 0; i < 2 * CHECKED; i++) {
      int column = i < CHECKED ? i : outer - 2 * CHECKED + i;
      stored.widen(column, 0, weights, 0);
      for (int t = 0; t < rows; t++) {
        double magnitude = 0;
        for (int k = 0; k < columns; k++) {
          magnitude += Math.abs((double) weights[k] * exact.values().array()[t * columns + k]);
        }
        int at = t * outer + column;
        Checks.requireClose(dtype + " [" + t + ", " + column + "]", out.array()[at], expected.array()[at], TOLERANCE,
            magnitude);
      }
    }
  }

  /** The numbers that the quants of x represent. */
  private float[] dequantized() {
    float[] values = new float[rows * columns];
    for (int i = 0; i < values.length; i++) {
      values[i] = x.scales().array()[i / PackedFormat.BLOCK] * x.quants()[i];
    }
    return values;
  }

  /** Frees the weights. */
  @TearDown(Level.Trial)
  public void free() {
    arena.close();
  }

  /** All of one matrix. */
  @Benchmark
  public void product(Traffic traffic) {
    PackedMatrix w = matrices[turn++ % matrices.length];
    kernels.matmul(w, 0, w.parts(), x, out);
    traffic.add(w.data().byteSize());
  }
}
