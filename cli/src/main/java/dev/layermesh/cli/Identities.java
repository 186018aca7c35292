package dev.layermesh.cli;

import dev.layermesh.cli.complete.CheckpointFiles;
import dev.layermesh.engine.EngineOptions;
import dev.layermesh.engine.checkpoint.Checkpoint;
import dev.layermesh.engine.checkpoint.Fingerprint;
import dev.layermesh.engine.checkpoint.Slice;
import dev.layermesh.mesh.membership.MeshIdentity;
import dev.layermesh.tokenizer.Tokenizer;

/** A worker's identity in the mesh, read from its files before weights are loaded, so that wrong files fail at once. */
final class Identities {
  private Identities() {}

  /** Of a worker with layers [0,E). */
  static MeshIdentity draft(EngineOptions options) {
    try (Checkpoint checkpoint = Checkpoint.open(options.model())) {
      int exitLayer = exitLayer(checkpoint, options);
      requireTokenizer(checkpoint);
      return identity(checkpoint, Slice.draft(exitLayer), exitLayer);
    }
  }

  /** Of a worker with layers [E,L), or all of them. */
  static MeshIdentity verify(EngineOptions options, boolean full) {
    try (Checkpoint checkpoint = Checkpoint.open(options.model())) {
      int exitLayer = exitLayer(checkpoint, options);
      requireTokenizer(checkpoint);
      int layers = checkpoint.config().numLayers();
      return identity(checkpoint, full ? Slice.whole(layers) : Slice.verify(exitLayer, layers), exitLayer);
    }
  }

  private static int exitLayer(Checkpoint checkpoint, EngineOptions options) {
    return checkpoint.config().chooseExitLayer(options.exitLayer());
  }

  /** Gateways fetch the tokenizer from workers: if it does not fit the model, the mesh could never serve. */
  private static void requireTokenizer(Checkpoint checkpoint) {
    try (Tokenizer tokenizer = Tokenizer.open(CheckpointFiles.of(checkpoint))) {
      tokenizer.requireFits(checkpoint.config().vocabSize());
    }
  }

  private static MeshIdentity identity(Checkpoint checkpoint, Slice slice, int exitLayer) {
    Fingerprint fingerprint = Fingerprint.of(checkpoint, slice);
    return new MeshIdentity(fingerprint.id(), fingerprint.parts(), exitLayer);
  }
}
