package dev.layermesh.cli;

import dev.layermesh.engine.speculation.ModelIdentity;
import java.time.Duration;

/** Limits and descriptions that draft and verify workers share. */
final class WorkerLimits {
  /** How long a worker lets sessions finish before they move to another worker. */
  static final Duration DRAIN = Duration.ofSeconds(10);

  private WorkerLimits() {}

  /** A worker's model and layers [first,end), for people. */
  static String described(ModelIdentity model, int first, int end) {
    return model.name() + " " + model.fingerprint().id() + ", layers " + first + ".." + (end - 1) + " of "
        + model.config().numLayers() + ", " + model.arithmetic();
  }
}
