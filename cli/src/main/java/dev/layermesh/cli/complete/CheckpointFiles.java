package dev.layermesh.cli.complete;

import dev.layermesh.engine.checkpoint.Checkpoint;
import dev.layermesh.tokenizer.TokenizerFiles;

/** Converts the small files of an engine's checkpoint to the tokenizer's type: neither module knows the other. */
public final class CheckpointFiles {
  private CheckpointFiles() {}

  /** Tokenizer and chat template files of a checkpoint, a folder or a GGUF file. */
  public static TokenizerFiles of(Checkpoint checkpoint) {
    return new TokenizerFiles(checkpoint.path().toString(), checkpoint.files().contents());
  }
}
