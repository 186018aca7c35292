package dev.layermesh.benchmarks;

import dev.layermesh.engine.measure.ReadProbe;
import dev.layermesh.engine.speculation.ModelIdentity;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;

/** The machine's description that a report begins with. */
final class Machine {
  private Machine() {}

  /** A model, what computes it, the processor, and memory's read rate at this moment. */
  static String describe(ModelIdentity model, int threads) {
    return String.format(Locale.ROOT, "%s, %s, exit layer %d of %d, %d threads%n%s", model.name(), model.arithmetic(),
        model.exitLayer(), model.config().numLayers(), threads, describe(threads));
  }

  /** The processor, and memory's read rate at this moment. */
  static String describe(int threads) {
    try (var probe = new ReadProbe(threads)) {
      return String.format(Locale.ROOT, "%s, %d cores; Java %s; %d threads read %.1f GB/s", processor(),
          Runtime.getRuntime().availableProcessors(), Runtime.version().feature(), threads,
          probe.bytesPerSecond() / 1e9);
    }
  }

  private static String processor() {
    try (var lines = Files.lines(Path.of("/proc/cpuinfo"))) {
      return lines.filter(line -> line.startsWith("model name")).findFirst()
          .map(line -> line.substring(line.indexOf(':') + 1).strip()).orElse(System.getProperty("os.arch"));
    } catch (IOException notLinux) {
      return System.getProperty("os.arch");
    }
  }
}
