package dev.layermesh.engine.checkpoint;

import dev.layermesh.decoding.InputException;
import dev.layermesh.engine.gguf.GgufFile;
import dev.layermesh.engine.gguf.GgufTensor;
import dev.layermesh.engine.model.ModelConfig;
import dev.layermesh.engine.model.ModelFiles;
import dev.layermesh.engine.vocabulary.GgufTokenizer;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/** A GGUF file of the architecture llama. */
final class GgufSource implements Source {
  private final GgufFile gguf;
  private final ModelConfig config;
  private Optional<ModelFiles> files = Optional.empty(); // made when they are first asked for

  /** Maps the file and checks its description: metadata and which tensors it holds. */
  GgufSource(Path file, Arena arena) {
    this.gguf = GgufFile.map(file, arena);
    this.config = GgufConfig.read(gguf);
    requireKnownTensors();
  }

  @Override
  public Path path() {
    return gguf.file();
  }

  @Override
  public String name() {
    return gguf.file().getFileName().toString().replaceFirst("\\.gguf$", "");
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
        () -> InputException.in(path(), name + ".type", tensor.type(), "must be one of "
            + Arrays.stream(DType.values()).map(DType::name).collect(Collectors.joining(", "))));
    if (!tensor.shape().equals(spec.shape().stream().map(Integer::longValue).toList())) {
      throw InputException.in(path(), name + ".dims", tensor.shape().reversed(),
          "must be " + spec.shape().reversed() + " by the metadata");
    }
    int[] shape = spec.shape().stream().mapToInt(Integer::intValue).toArray();
    return new TensorView(spec.name(), dtype, shape, gguf.data(tensor), GgufNames.order(spec.name(), config));
  }

  @Override
  public Path file(TensorSpec spec) {
    return path();
  }

  @Override
  public boolean has(TensorSpec spec, Set<Path> opened) {
    return opened.contains(path()) && gguf.tensors().containsKey(GgufNames.of(spec.name()));
  }

  /** Without a tensor that the file has, a bias or a further layer, it would be another model. */
  private void requireKnownTensors() {
    Set<String> known = new HashSet<>();
    known.add(GgufNames.ROPE_FACTORS);
    Slice.whole(config.numLayers()).tensors(config).forEach(spec -> known.add(GgufNames.of(spec.name())));
    for (String name : gguf.tensors().keySet()) {
      if (!known.contains(name)) {
        throw InputException.in(path(), "tensor", name, "is none of a Llama model of "
            + config.numLayers() + " layers: this engine would compute something else");
      }
    }
  }
}
