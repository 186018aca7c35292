package dev.layermesh.benchmarks.kernels;

import dev.layermesh.engine.cpu.kernels.Activations;
import dev.layermesh.engine.cpu.kernels.FloatArray;
import dev.layermesh.engine.cpu.kernels.Kernels;
import dev.layermesh.engine.cpu.kernels.ScalarKernels;
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
import org.openjdk.jmh.annotations.Warmup;

/** The kernels that a step runs between products, on one row that the CPU's cache holds, on one thread. */
@State(Scope.Thread)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 3, time = 1)
@Fork(1)
public class VerbBenchmark {
  private static final float EPSILON = 1e-5f;
  private static final double TOLERANCE = 2e-6;

  /** Of the row. */
  @Param({"2048", "8192"})
  int width;

  /** Which kernels. */
  @Param
  KernelFamily family;

  private Kernels kernels;
  private float[] x;
  private float[] weight;
  private float[] gate;
  private final FloatArray out = new FloatArray();
  private Activations quantized;

  /** Makes a row and checks every verb on it. */
  @Setup(Level.Trial)
  public void check() {
    kernels = family.create();
    var random = new Random(1);
    x = Checks.randoms(random, width);
    weight = Checks.randoms(random, width);
    gate = Checks.randoms(random, width);
    out.reserve(width);
    quantized = Activations.of(x, 1, width);
    var reference = new ScalarKernels();
    float[] expected = new float[width];
    reference.rmsNorm(x, 0, weight, EPSILON, expected);
    kernels.rmsNorm(x, 0, weight, EPSILON, out.array());
    requireClose("rmsNorm", out.array(), expected);
    float[] expectedGate = gate.clone();
    float[] actualGate = gate.clone();
    reference.swiGlu(expectedGate, x, 0, width);
    kernels.swiGlu(actualGate, x, 0, width);
    requireClose("swiGlu", actualGate, expectedGate);
    Activations expectedQuants = Activations.of(x, 1, width);
    reference.quantize(expectedQuants, 0, quantized.blocksPerRow());
    kernels.quantize(quantized, 0, quantized.blocksPerRow());
    for (int i = 0; i < width; i++) {
      Checks.requireClose("quantize [" + i + "]", quantized.quants()[i], expectedQuants.quants()[i], 0, 1);
    }
  }

  private static void requireClose(String what, float[] actual, float[] expected) {
    for (int i = 0; i < expected.length; i++) {
      Checks.requireClose(what + " [" + i + "]", actual[i], expected[i], TOLERANCE, Math.abs(expected[i]));
    }
  }

  /** Reads two rows, writes one. */
  @Benchmark
  public void rmsNorm(Traffic traffic) {
    kernels.rmsNorm(x, 0, weight, EPSILON, out.array());
    traffic.add(3L * width * Float.BYTES);
  }

  /** Reads two rows, writes one, after a fresh copy of the gates. */
  @Benchmark
  public void swiGlu(Traffic traffic) {
    System.arraycopy(gate, 0, out.array(), 0, width);
    kernels.swiGlu(out.array(), x, 0, width);
    traffic.add(3L * width * Float.BYTES);
  }

  /** Reads a row, writes a byte for each element. */
  @Benchmark
  public void quantize(Traffic traffic) {
    kernels.quantize(quantized, 0, quantized.blocksPerRow());
    traffic.add((long) width * (Float.BYTES + 1));
  }
}
