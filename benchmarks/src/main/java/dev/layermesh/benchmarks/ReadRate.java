package dev.layermesh.benchmarks;

import dev.layermesh.engine.measure.ReadProbe;
import java.util.Collection;
import java.util.List;
import org.openjdk.jmh.infra.BenchmarkParams;
import org.openjdk.jmh.infra.IterationParams;
import org.openjdk.jmh.profile.InternalProfiler;
import org.openjdk.jmh.results.AggregationPolicy;
import org.openjdk.jmh.results.IterationResult;
import org.openjdk.jmh.results.Result;
import org.openjdk.jmh.results.ScalarResult;

/** Memory's read rate on one thread, measured in the benchmark's process just before every iteration. */
public final class ReadRate implements InternalProfiler {
  static final String LABEL = "read";

  private final ReadProbe probe = new ReadProbe(1);
  private double bytesPerSecond;

  @Override
  public String getDescription() {
    return "what plain reading of memory gives, GB/s";
  }

  @Override
  public void beforeIteration(BenchmarkParams benchmark, IterationParams iteration) {
    bytesPerSecond = probe.bytesPerSecond();
  }

  @Override
  @SuppressWarnings("rawtypes") // as JMH declares it
  public Collection<? extends Result> afterIteration(
      BenchmarkParams benchmark, IterationParams iteration, IterationResult result) {
    return List.of(new ScalarResult(LABEL, bytesPerSecond / 1e9, "GB/s", AggregationPolicy.AVG));
  }
}
