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
 * A Llama model on disk: a Hugging Face folder with safetensors, of which only the shards that a worker needs are
 * opened, or one GGUF file. From the outside both are the same: tensors by the names and in the row order of
 * transformers, and the small files that speak the model's language.
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
   * Reads what describes the model, and checks it; opens no shard of a sharded checkpoint.
   *
   * @param path a folder or a GGUF file
   * @throws InputException naming file, field and value
   */
  public static Checkpoint open(Path path) {
    return open(path, line -> System.getLogger(Checkpoint.class.getName()).log(Level.WARNING, line));
  }

  /**
   * The same with another place for warnings.
   *
   * @param warnings takes a line for each fault of the files that the model can do without
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

  /** Where the checkpoint lies: its folder or file. */
  public Path path() {
    return source.path();
  }

  /** What people call it: the name of its folder, or of its file without {@code .gguf}. */
  public String name() {
    return source.name();
  }

  /** Sizes and constants of the model. */
  public ModelConfig config() {
    return source.config();
  }

  /**
   * The small files of a checkpoint; of a GGUF file, what they would be.
   *
   * @throws InputException naming file, field and value
   */
  public ModelFiles files() {
    return source.files();
  }

  /**
   * Opens the files of a slice and checks name, dtype and shape of every tensor in it. Nothing is read from disk yet
   * but headers.
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
