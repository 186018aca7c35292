package dev.layermesh.cli.complete;

import dev.layermesh.engine.checkpoint.Checkpoint;
import dev.layermesh.tokenizer.TokenizerFiles;

/** Hands what an engine's checkpoint says about text to the tokenizer: the two have never met. */
public final class CheckpointFiles {
  private CheckpointFiles() {}

  /** The files that speak the model's language, whatever the checkpoint lies in. */
  public static TokenizerFiles of(Checkpoint checkpoint) {
    return new TokenizerFiles(checkpoint.path().toString(), checkpoint.files().contents());
  }
}
