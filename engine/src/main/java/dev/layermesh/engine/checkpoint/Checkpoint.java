package dev.layermesh.engine.checkpoint;

import dev.layermesh.decoding.InputException;
import dev.layermesh.engine.model.ModelConfig;
import dev.layermesh.engine.model.ModelFiles;
import java.lang.System.Logger.Level;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * A Llama model on disk: a Hugging Face folder with safetensors, or a GGUF file. A folder opens only the shards that a
 * worker needs. Callers see no difference: tensors have the names and the row order of transformers, and
 * {@link #files()} are those of a folder.
 *
 * <p>Any thread. Closing unmaps the files: no {@link TensorView} may be read afterwards.
 */
public final class Checkpoint implements AutoCloseable {
  private final Source source;
  private final Arena arena;

  private Checkpoint(Source source, Arena arena) {
    this.source = source;
    this.arena = arena;
  }

  /**
   * Reads and checks the description of the model; opens no shard of a sharded checkpoint.
   *
   * @param path a folder or a GGUF file
   * @throws InputException naming file, field and value
   */
  public static Checkpoint open(Path path) {
    return open(path, line -> System.getLogger(Checkpoint.class.getName()).log(Level.WARNING, line));
  }

  /**
   * As {@link #open(Path)}, with another receiver of warnings.
   *
   * @param warnings receives a line for each fault that does not stop the model from running
   */
  static Checkpoint open(Path path, Consumer<String> warnings) {
    if (!Files.exists(path)) {
      throw InputException.in(path, "no such folder or file");
    }
    Arena arena = Arena.ofShared();
    try {
      Source source = Files.isDirectory(path) ? new FolderSource(path, arena) : new GgufSource(path, arena, warnings);
      return new Checkpoint(source, arena);
    } catch (RuntimeException e) {
      arena.close();
      throw e;
    }
  }

  /** The folder or file of the checkpoint. */
  public Path path() {
    return source.path();
  }

  /** The name of the folder, or of the file without {@code .gguf}. */
  public String name() {
    return source.name();
  }

  /** Sizes and constants of the model. */
  public ModelConfig config() {
    return source.config();
  }

  /**
   * The small files of a checkpoint: config, tokenizer, chat template. For a GGUF file they are made from the metadata.
   *
   * @throws InputException naming file, field and value
   */
  public ModelFiles files() {
    return source.files();
  }

  /**
   * Opens the files of a slice and checks name, dtype and shape of every tensor in it. Reads headers only.
   *
   * @throws InputException naming file, field and value
   */
  public Weights weights(Slice slice) {
    ModelConfig config = config();
    return new Weights(
        slice,
        slice.embedding() ? Optional.of(source.view(TensorSpec.embedding(config))) : Optional.empty(),
        slice.plan().layers().stream().map(layer -> layer(layer.index())).toList(),
        slice.head() ? Optional.of(head()) : Optional.empty());
  }

  @Override
  public void close() {
    arena.close();
  }

  Source source() {
    return source;
  }

  private LayerWeights layer(int index) {
    List<TensorView> views = TensorSpec.layer(config(), index).stream().map(source::view).toList();
    return new LayerWeights(views.get(0), views.get(1), views.get(2), views.get(3), views.get(4), views.get(5),
        views.get(6), views.get(7), views.get(8));
  }

  HeadWeights head() {
    return new HeadWeights(
        source.view(TensorSpec.finalNorm(config())), source.view(TensorSpec.projection(config())));
  }
}
