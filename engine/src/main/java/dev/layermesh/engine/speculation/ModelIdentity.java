package dev.layermesh.engine.speculation;

import dev.layermesh.decoding.WindowPolicy;
import dev.layermesh.engine.checkpoint.Checkpoint;
import dev.layermesh.engine.checkpoint.Fingerprint;
import dev.layermesh.engine.checkpoint.Slice;
import dev.layermesh.engine.model.ModelConfig;
import dev.layermesh.engine.model.ModelFiles;
import java.util.OptionalInt;

/**
 * Which model a worker serves and how it computes. Workers of one mesh must agree on it.
 *
 * @param name of the checkpoint's folder or file
 * @param fingerprint names the weights
 * @param arithmetic see {@link dev.layermesh.engine.backend.Backend#arithmetic()}
 * @param exitLayer E
 * @param window draft tokens of sessions that name none
 * @param config sizes
 * @param files what a process without weights needs to speak the model's language
 */
public record ModelIdentity(
    String name, Fingerprint fingerprint, String arithmetic, int exitLayer, WindowPolicy window, ModelConfig config,
    ModelFiles files) {

  static ModelIdentity of(Checkpoint checkpoint, Slice slice, OptionalInt requestedExitLayer, String arithmetic) {
    return new ModelIdentity(
        checkpoint.name(),
        Fingerprint.of(checkpoint, slice),
        arithmetic,
        checkpoint.config().chooseExitLayer(requestedExitLayer),
        checkpoint.config().usualWindow(requestedExitLayer),
        checkpoint.config(),
        checkpoint.files());
  }
}
