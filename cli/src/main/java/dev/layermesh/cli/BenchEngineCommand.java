package dev.layermesh.cli;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import dev.layermesh.cli.options.EngineMixin;
import dev.layermesh.cli.process.Environment;
import dev.layermesh.cli.process.Progress;
import dev.layermesh.decoding.InputException;
import dev.layermesh.engine.measure.EngineBench;
import dev.layermesh.engine.measure.StepTest;
import dev.layermesh.engine.measure.Timing;
import java.io.PrintWriter;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Times the engine. */
@Command(
    name = "bench-engine",
    description = "Time a whole model's steps on this machine, and the memory's read rate.",
    footer = {"", "Example:", "  layermesh bench-engine --model MODEL.gguf --threads 2 --tests tg32,v4,v8,pp128"})
final class BenchEngineCommand implements Callable<Integer> {
  private static final double GIGA = 1e9;
  private static final int WARM_UP_STEPS = 64;

  private final Environment environment;

  @Mixin
  private final EngineMixin engine;

  @Option(names = "--tests", paramLabel = "LIST", defaultValue = "tg32,v2,v4,v8,v16,pp128,pp512",
      description = "What to time, in this order: tgN tokens one by one, vN rows to verify at --depth with logits of "
          + "each, ppN rows of a prompt (default: ${DEFAULT-VALUE}).")
  private String tests;

  @Option(names = "--depth", paramLabel = "N", defaultValue = "128",
      description = "Positions before the rows of vN (default: ${DEFAULT-VALUE}).")
  private int depth;

  @Option(names = "--repeat", paramLabel = "N", defaultValue = "3",
      description = "Rounds over all tests; one more, unprinted, comes first (default: ${DEFAULT-VALUE}).")
  private int repeat;

  @Option(names = "--json", description = "Print one object a line.")
  private boolean json;

  @Spec
  private CommandSpec spec;

  BenchEngineCommand(Environment environment) {
    this.environment = environment;
    this.engine = new EngineMixin(environment);
  }

  @Override
  public Integer call() {
    List<StepTest> steps = Arrays.stream(tests.split(",")).map(StepTest::parse).toList();
    requireAtLeast("--depth", depth, 0);
    requireAtLeast("--repeat", repeat, 1);
    PrintWriter out = spec.commandLine().getOut();
    try (EngineBench bench = open()) {
      warmUp(bench, steps);
      if (!json) {
        out.println(bench.arithmetic());
        out.println("test     ms/step   tokens/s     GB/s   of read");
      }
      for (int round = 0; round < repeat; round++) {
        for (StepTest step : steps) {
          Timing timing = bench.run(step, depth);
          out.println(json ? json(timing) : line(timing));
          out.flush();
        }
      }
    }
    return 0;
  }

  private EngineBench open() {
    try (var progress = Progress.ofBytes(environment, "Loading")) {
      return EngineBench.open(engine.options(), progress);
    }
  }

  /** Kernels are compiled while they run: by one round, and by steps of a few rows. */
  private void warmUp(EngineBench bench, List<StepTest> steps) {
    bench.run(new StepTest.Decode(WARM_UP_STEPS), depth);
    steps.forEach(step -> bench.run(step, depth));
  }

  private static void requireAtLeast(String option, int value, int least) {
    if (value < least) {
      throw InputException.of(option, value, "must be " + least + " or more");
    }
  }

  private static String line(Timing timing) {
    return String.format(Locale.ROOT, "%-6s %9.2f %10.1f %8.1f %8.0f %%", timing.test().name(),
        timing.secondsPerStep() * 1e3, timing.tokensPerSecond(), timing.bytesPerSecond() / GIGA,
        timing.fractionOfRead() * 100);
  }

  private static String json(Timing timing) {
    return JsonNodeFactory.instance.objectNode()
        .put("test", timing.test().name())
        .put("rows", timing.rows())
        .put("ms_per_step", timing.secondsPerStep() * 1e3)
        .put("tokens_per_second", timing.tokensPerSecond())
        .put("gb_per_second", timing.bytesPerSecond() / GIGA)
        .put("read_gb_per_second", timing.readBytesPerSecond() / GIGA)
        .put("fraction_of_read", timing.fractionOfRead())
        .toString();
  }
}
