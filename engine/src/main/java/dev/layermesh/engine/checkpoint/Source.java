package dev.layermesh.engine.checkpoint;

import dev.layermesh.engine.model.ModelConfig;
import dev.layermesh.engine.model.ModelFiles;
import java.nio.file.Path;
import java.util.Set;

/** The files of a {@link Checkpoint}. Any thread, as long as the checkpoint is open. */
interface Source {

  /** The folder or file. */
  Path path();

  /** The name of the model. */
  String name();

  /** Sizes and constants of the model. */
  ModelConfig config();

  /** The small files that a process without weights needs. */
  ModelFiles files();

  /**
   * A tensor in its stored dtype, checked against the spec. Opens the file that holds it.
   *
   * @throws dev.layermesh.decoding.InputException naming file, field and value
   */
  TensorView view(TensorSpec spec);

  /** The file that holds a tensor. Need be neither opened nor present. */
  Path file(TensorSpec spec);

  /** Whether the checkpoint has a tensor and one of {@code files} holds it. */
  boolean has(TensorSpec spec, Set<Path> files);
}
