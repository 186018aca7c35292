package dev.layermesh.benchmarks;

import java.io.PrintWriter;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.ChainedOptionsBuilder;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;
import org.openjdk.jmh.runner.options.VerboseMode;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Runs the JMH benchmarks of kernels; each has checked its result against the scalar kernels before it is timed. */
@Command(
    name = "kernels",
    mixinStandardHelpOptions = true,
    description = "Time kernels with JMH, GB/s beside memory's read rate on the same thread.",
    footer = {"", "Example:", "  benchmarks/run.sh kernels --only Product --formats Q8_0,Q4_0 --rows 1,8"})
final class KernelsCommand implements Callable<Integer> {
  private static final String ALL = "dev\\.layermesh\\.benchmarks\\.kernels\\..*";

  private static final Set<String> SIZES = Set.of("outer", "columns", "megabytes"); // the same in every run

  @Option(names = "--only", paramLabel = "REGEX", defaultValue = "",
      description = "Benchmarks whose name matches, as Product, attention or swiGlu (default: all).")
  private String only;

  @Option(names = "--formats", paramLabel = "LIST", split = ",",
      description = "Stored types of a product's weights (default: one for each packed format).")
  private List<String> formats = List.of();

  @Option(names = "--rows", paramLabel = "LIST", split = ",",
      description = "Rows of a product (default: 1,4,8,16,128).")
  private List<String> rows = List.of();

  @Option(names = "--kernels", paramLabel = "LIST", split = ",",
      description = "VECTOR, NATIVE (default: both).")
  private List<String> kernels = List.of();

  @Option(names = "--millis", paramLabel = "N", defaultValue = "1000",
      description = "Time of each of 3 warm-ups and 3 measurements (default: ${DEFAULT-VALUE}).")
  private int millis;

  @Spec
  private CommandSpec spec;

  @Override
  public Integer call() throws RunnerException {
    ChainedOptionsBuilder options = new OptionsBuilder()
        .include(ALL + only)
        .addProfiler(ReadRate.class)
        .warmupTime(TimeValue.milliseconds(millis))
        .measurementTime(TimeValue.milliseconds(millis))
        .shouldFailOnError(true)
        .verbosity(VerboseMode.SILENT);
    param(options, "dtype", formats);
    param(options, "rows", rows);
    param(options, "family", kernels);
    PrintWriter out = spec.commandLine().getOut();
    out.println(Machine.describe(1));
    print(out, new Runner(options.build()).run());
    return 0;
  }

  private static void param(ChainedOptionsBuilder options, String name, List<String> values) {
    if (!values.isEmpty()) {
      options.param(name, values.toArray(String[]::new));
    }
  }

  private static void print(PrintWriter out, Collection<RunResult> results) {
    out.println();
    out.println("| kernel | of | µs | GB/s | read GB/s | ÷ read |");
    out.println("|---|---|---|---|---|---|");
    for (RunResult result : results) {
      var params = result.getParams();
      double rate = result.getSecondaryResults().get("gigabytes").getScore();
      double read = result.getSecondaryResults().get(ReadRate.LABEL).getScore();
      out.println(String.format(Locale.ROOT, "| %s | %s | %.1f | %.1f | %.1f | %.2f |",
          params.getBenchmark().substring(params.getBenchmark().lastIndexOf('.') + 1),
          params.getParamsKeys().stream().filter(key -> !SIZES.contains(key)).map(params::getParam)
              .collect(Collectors.joining(" ")),
          1e6 / result.getPrimaryResult().getScore(), rate, read, rate / read));
    }
    out.println();
    out.flush();
  }
}
