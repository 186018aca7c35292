package dev.layermesh.benchmarks.kernels;

import static org.assertj.core.api.Assertions.assertThat;

import dev.layermesh.engine.checkpoint.DType;
import dev.layermesh.engine.kv.KvType;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Benchmarks run and their checks pass; this test times nothing. */
@Timeout(value = 1, unit = TimeUnit.MINUTES)
class KernelBenchmarksTest {

  @ParameterizedTest
  @EnumSource
  void shouldMultiplyByEveryFormatAsTheScalarKernelsDo(DType dtype) {
    var benchmark = new ProductBenchmark();
    benchmark.dtype = dtype;
    benchmark.family = KernelFamily.VECTOR;
    benchmark.rows = 3;
    benchmark.outer = 128;
    benchmark.columns = 256;
    benchmark.megabytes = 0;
    benchmark.pack();
    var traffic = new Traffic();
    benchmark.product(traffic);
    benchmark.free();
    assertThat(traffic.gigabytes).isPositive();
  }

  @ParameterizedTest
  @EnumSource
  void shouldAttendAsTheScalarKernelsDo(KvType type) {
    var attention = new AttentionBenchmark();
    attention.family = KernelFamily.VECTOR;
    attention.type = type;
    attention.positions = 65;
    attention.fill();
  }

  @Test
  void shouldNormAsTheScalarKernelsDo() {
    var verbs = new VerbBenchmark();
    verbs.family = KernelFamily.VECTOR;
    verbs.width = 64;
    verbs.check();
  }
}
