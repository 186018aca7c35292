package dev.layermesh.cli;

import dev.layermesh.cli.process.Environment;
import dev.layermesh.cli.process.Progress;
import dev.layermesh.engine.EngineOptions;
import dev.layermesh.engine.speculation.CoLocatedModel;
import dev.layermesh.engine.speculation.DraftModel;
import dev.layermesh.engine.speculation.VerifyModel;
import java.time.Duration;

/**
 * Loads the sides that workers serve, with a progress bar, and warms them up, so that the first client does not wait
 * for the JIT compiler.
 */
final class WorkerModels {
  private static final Duration WARM_UP = Duration.ofSeconds(2); // at most

  private WorkerModels() {}

  static DraftModel draft(EngineOptions options, Environment environment) throws InterruptedException {
    try (var progress = Progress.ofBytes(environment, "Loading draft layers")) {
      DraftModel model = DraftModel.open(options, progress);
      model.warmUp(WARM_UP);
      return model;
    }
  }

  static VerifyModel verify(EngineOptions options, boolean full, Environment environment) throws InterruptedException {
    try (var progress = Progress.ofBytes(environment, "Loading verify layers")) {
      VerifyModel model = VerifyModel.open(options, full, progress);
      model.warmUp(WARM_UP);
      return model;
    }
  }

  /** Both sides on one lane, for workers of one process. */
  static CoLocatedModel both(EngineOptions options, Environment environment) throws InterruptedException {
    try (var progress = Progress.ofBytes(environment, "Loading")) {
      CoLocatedModel model = CoLocatedModel.open(options, progress);
      model.draft().warmUp(WARM_UP);
      model.verify().warmUp(WARM_UP);
      return model;
    }
  }
}
