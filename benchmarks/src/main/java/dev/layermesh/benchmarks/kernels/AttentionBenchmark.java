package dev.layermesh.benchmarks.kernels;

import dev.layermesh.engine.cpu.kernels.Activations;
import dev.layermesh.engine.cpu.kernels.Kernels;
import dev.layermesh.engine.cpu.kernels.KvPageStorage;
import dev.layermesh.engine.cpu.kernels.KvPages;
import dev.layermesh.engine.cpu.kernels.KvShape;
import dev.layermesh.engine.cpu.kernels.ScalarKernels;
import dev.layermesh.engine.kv.KvCache;
import dev.layermesh.engine.kv.KvOptions;
import dev.layermesh.engine.kv.KvPool;
import dev.layermesh.engine.kv.KvType;
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

/** Attention of a row in the shape of Llama-3.2-1B, on one thread; traffic is keys and values, once for each group. */
@State(Scope.Thread)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 3, time = 1)
@Fork(1)
public class AttentionBenchmark {
  private static final int HEADS = 32;
  private static final int KV_HEADS = 8;
  private static final int HEAD_DIM = 64;
  private static final int PAGE_POSITIONS = 64; // as in CpuOptions
  private static final double TOLERANCE = 5e-6;

  /** Positions that are attended to. */
  @Param({"128", "1024"})
  int positions;

  /** The type of keys and values. */
  @Param
  KvType type;

  /** Which kernels. */
  @Param
  KernelFamily family;

  private Kernels kernels;
  private KvPages pages;
  private float[] q;
  private final float[] out = new float[HEADS * HEAD_DIM];

  /** Fills a cache and checks a row. */
  @Setup(Level.Trial)
  public void fill() {
    kernels = family.create();
    var random = new Random(1);
    var shape = new KvShape(type, 1, KV_HEADS, HEAD_DIM, PAGE_POSITIONS);
    var storage = new KvPageStorage(shape);
    KvCache cache = new KvPool(storage, new KvOptions(Long.MAX_VALUE, PAGE_POSITIONS, false)).newCache();
    cache.reserve(positions);
    pages = new KvPages(storage);
    pages.show(cache, 0);
    Activations k = rows(random);
    Activations v = rows(random);
    for (int position = 0; position < positions; position++) {
      pages.put(position, k, v, position);
    }
    q = Checks.randoms(random, HEADS * HEAD_DIM);
    attend(kernels, out);
    float[] expected = new float[out.length];
    attend(new ScalarKernels(), expected);
    for (int i = 0; i < out.length; i++) {
      Checks.requireClose("attention [" + i + "]", out[i], expected[i], TOLERANCE, 1);
    }
  }

  private Activations rows(Random random) {
    int width = KV_HEADS * HEAD_DIM;
    Activations rows = Activations.of(Checks.randoms(random, positions * width), positions, width);
    kernels.quantize(rows, 0, positions * rows.blocksPerRow());
    return rows;
  }

  private void attend(Kernels which, float[] into) {
    int group = HEADS / KV_HEADS;
    for (int head = 0; head < KV_HEADS; head++) {
      which.attention(pages, head, group, positions, q, head * group * HEAD_DIM, into);
    }
  }

  /** All heads of a row. */
  @Benchmark
  public void attention(Traffic traffic) {
    attend(kernels, out);
    traffic.add(type.bytes(2L * positions * KV_HEADS * HEAD_DIM));
  }
}
