package dev.layermesh.engine.checkpoint;

import dev.layermesh.engine.model.ModelConfig;
import dev.layermesh.engine.model.ModelFiles;
import java.nio.file.Path;
import java.util.Set;

/** What a {@link Checkpoint} lies in. Any thread, as long as the checkpoint is open. */
interface Source {

  /** Where it lies. */
  Path path();

  /** What people call it. */
  String name();

  /** Sizes and constants of the model. */
  ModelConfig config();

  /** What a process without weights needs. */
  ModelFiles files();

  /**
   * A tensor of the dtype it is stored in, checked against the spec; opens the file that holds it.
   *
   * @throws dev.layermesh.decoding.InputException naming file, field and value
   */
  TensorView view(TensorSpec spec);

  /** The file that holds a tensor, opened or not, there or not. */
  Path file(TensorSpec spec);

  /** Whether the checkpoint has a tensor and it lies in one of {@code files}. */
  boolean has(TensorSpec spec, Set<Path> files);
}
