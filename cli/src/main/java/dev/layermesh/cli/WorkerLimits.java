package dev.layermesh.cli;

import dev.layermesh.engine.speculation.ModelIdentity;
import java.time.Duration;

/** What holds for workers of both kinds. */
final class WorkerLimits {
  /** How long a worker lets sessions finish before they have to go on elsewhere. */
  static final Duration DRAIN = Duration.ofSeconds(10);

  private WorkerLimits() {}

  /** A worker's model and layers [first,end), for people. */
  static String described(ModelIdentity model, int first, int end) {
    return model.name() + " " + model.fingerprint().id() + ", layers " + first + ".." + (end - 1) + " of "
        + model.config().numLayers() + ", " + model.arithmetic();
  }
}
