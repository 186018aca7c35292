package dev.layermesh.engine.checkpoint;

import dev.layermesh.decoding.InputException;
import dev.layermesh.engine.gguf.GgufParts;
import dev.layermesh.engine.gguf.GgufTensor;
import dev.layermesh.engine.model.ModelConfig;
import dev.layermesh.engine.model.ModelFiles;
import dev.layermesh.engine.vocabulary.GgufTokenizer;
import dev.layermesh.engine.vocabulary.SpecialTokens;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import java.util.stream.Collectors;

/** A GGUF file of the architecture llama, or the parts of one. */
final class GgufSource implements Source {
  private final GgufParts gguf;
  private final ModelConfig config;
  private Optional<ModelFiles> files = Optional.empty(); // made at the first call of files()

  /**
   * Maps the file and checks its description: metadata and which tensors it holds.
   *
   * @param warnings receives a line for each fault that does not stop the model from running
   */
  GgufSource(Path file, Arena arena, Consumer<String> warnings) {
    this.gguf = GgufParts.map(file, arena);
    this.config = GgufConfig.read(gguf);
    new SpecialTokens(gguf.metadata(), config.vocabSize()).warnings().forEach(warnings);
    requireKnownTensors();
  }

  @Override
  public Path path() {
    return gguf.file();
  }

  @Override
  public String name() {
    return gguf.name();
  }

  @Override
  public ModelConfig config() {
    return config;
  }

  @Override
  public synchronized ModelFiles files() {
    if (files.isEmpty()) {
      files = Optional.of(GgufTokenizer.files(gguf.metadata(), config));
    }
    return files.get();
  }

  @Override
  public TensorView view(TensorSpec spec) {
    String name = GgufNames.of(spec.name());
    GgufTensor tensor = Optional.ofNullable(gguf.tensors().get(name)).orElseThrow(
        () -> InputException.in(path(), name, "absent", "the model needs this tensor, " + spec.shape()));
    DType dtype = DType.named(tensor.type().name()).orElseThrow(
        () -> InputException.in(gguf.file(name), name + ".type", tensor.type(), "must be one of "
            + Arrays.stream(DType.values()).map(DType::name).collect(Collectors.joining(", "))));
    if (!tensor.shape().equals(spec.shape().stream().map(Integer::longValue).toList())) {
      throw InputException.in(gguf.file(name), name + ".dims", tensor.shape().reversed(),
          "must be " + spec.shape().reversed() + " by the metadata");
    }
    int[] shape = spec.shape().stream().mapToInt(Integer::intValue).toArray();
    return new TensorView(spec.name(), dtype, shape, gguf.data(tensor), GgufNames.order(spec.name(), config));
  }

  @Override
  public Path file(TensorSpec spec) {
    return gguf.file(GgufNames.of(spec.name()));
  }

  @Override
  public boolean has(TensorSpec spec, Set<Path> opened) {
    String name = GgufNames.of(spec.name());
    return gguf.tensors().containsKey(name) && opened.contains(gguf.file(name));
  }

  /** A tensor that the engine does not read (a bias, a further layer) would make it another model. */
  private void requireKnownTensors() {
    Set<String> known = new HashSet<>();
    known.add(GgufNames.ROPE_FACTORS);
    Slice.whole(config.numLayers()).tensors(config).forEach(spec -> known.add(GgufNames.of(spec.name())));
    for (String name : gguf.tensors().keySet()) {
      if (!known.contains(name)) {
        throw InputException.in(gguf.file(name), "tensor", name, "is no tensor of a Llama model of "
            + config.numLayers() + " layers: this engine would compute something else");
      }
    }
  }
}
