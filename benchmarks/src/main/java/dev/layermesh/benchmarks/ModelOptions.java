package dev.layermesh.benchmarks;

import dev.layermesh.engine.EngineOptions;
import dev.layermesh.engine.kv.KvOptions;
import dev.layermesh.testkit.Fixtures;
import java.nio.file.Path;
import java.util.Optional;
import java.util.OptionalInt;
import picocli.CommandLine.Option;

/** Options for the model and the backend. */
final class ModelOptions {

  @Option(names = "--model", paramLabel = "DIR|FILE.gguf", description = "A checkpoint (default: the bundled model).")
  private Path model;

  @Option(names = "--backend", paramLabel = "NAME", defaultValue = "auto",
      description = "scalar, vector, native or auto (default: ${DEFAULT-VALUE}).")
  private String backend;

  @Option(names = "--threads", paramLabel = "N", defaultValue = "2",
      description = "Compute threads (default: ${DEFAULT-VALUE}).")
  private int threads;

  int threads() {
    return threads;
  }

  Path model() {
    return Optional.ofNullable(model).orElseGet(Fixtures::bundledModel);
  }

  EngineOptions engine(OptionalInt exitLayer) {
    // Every run computes its own rows: rows that an earlier one left would not be measured.
    return new EngineOptions(model(), exitLayer, "cpu", backend, threads, KvOptions.ofHeap().unshared(), false);
  }
}
