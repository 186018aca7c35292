package dev.layermesh.engine.checkpoint;

import dev.layermesh.decoding.InputException;
import dev.layermesh.engine.json.JsonFields;
import dev.layermesh.engine.model.ConfigFile;
import dev.layermesh.engine.model.ModelConfig;
import dev.layermesh.engine.model.ModelFiles;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * A Hugging Face folder of a Llama model: {@code config.json} and either {@code model.safetensors} or
 * {@code model.safetensors.index.json} with its shards. A shard is opened when one of its tensors is first read, so
 * a worker starts although shards of other layers are missing or damaged.
 */
final class FolderSource implements Source {
  private static final String SINGLE_FILE = "model.safetensors";
  private static final String INDEX_FILE = "model.safetensors.index.json";

  private final Path folder;
  private final ModelConfig config;
  private final Arena arena;
  private final Path index; // the file that lists the tensors
  private final Map<String, Path> fileByTensor;
  private final Map<Path, Shard> shards = new ConcurrentHashMap<>();

  /** Reads config and index, and checks them; opens no shard of a sharded checkpoint. */
  FolderSource(Path folder, Arena arena) {
    this.folder = folder;
    this.config = ConfigFile.read(folder);
    this.arena = arena;
    Path single = folder.resolve(SINGLE_FILE);
    boolean sharded = !Files.exists(single);
    this.index = sharded ? folder.resolve(INDEX_FILE) : single;
    this.fileByTensor = sharded ? weightMap(index) : tensorsOf(single);
    requireNoFurtherLayer();
  }

  @Override
  public Path path() {
    return folder;
  }

  @Override
  public String name() {
    return folder.toAbsolutePath().normalize().getFileName().toString();
  }

  @Override
  public ModelConfig config() {
    return config;
  }

  @Override
  public ModelFiles files() {
    return ModelFiles.inFolder(folder).endingAt(config.eosIds(), folder);
  }

  @Override
  public TensorView view(TensorSpec spec) {
    Shard shard = shard(spec);
    Extent extent = Optional.ofNullable(shard.extents().get(spec.name())).orElseThrow(
        () -> InputException.in(shard.file(), spec.name(), "absent", index.getFileName() + " places it here"));
    DType dtype = DType.named(extent.dtype()).filter(it -> !it.quantized()).orElseThrow(
        () -> InputException.in(shard.file(), spec.name() + ".dtype", extent.dtype(), "must be F32, F16 or BF16"));
    if (!extent.shape().equals(spec.shape().stream().map(Integer::longValue).toList())) {
      throw InputException.in(shard.file(), spec.name() + ".shape", extent.shape(),
          "must be " + spec.shape() + " by config.json");
    }
    int[] shape = spec.shape().stream().mapToInt(Integer::intValue).toArray();
    return new TensorView(spec.name(), dtype, shape, shard.data(extent));
  }

  @Override
  public boolean has(TensorSpec spec, Set<Path> files) {
    return files.contains(fileByTensor.get(spec.name()));
  }

  @Override
  public Path file(TensorSpec spec) {
    return Optional.ofNullable(fileByTensor.get(spec.name())).orElseThrow(
        () -> InputException.in(index, spec.name(), "absent", "the model needs this tensor, " + spec.shape()));
  }

  private Shard shard(TensorSpec spec) {
    Path file = file(spec);
    if (!Files.exists(file)) {
      throw InputException.in(index, "weight_map." + spec.name(), file.getFileName(), "no such file beside it");
    }
    return shards.computeIfAbsent(file, this::openShard);
  }

  private Shard openShard(Path file) {
    Shard shard = Shard.map(file, arena);
    for (String name : shard.extents().keySet()) {
      Path placed = fileByTensor.getOrDefault(name, file);
      if (!placed.equals(file)) {
        throw InputException.in(file, "tensor", name, index.getFileName() + " places it in " + placed.getFileName());
      }
    }
    return shard;
  }

  private Map<String, Path> tensorsOf(Path single) {
    Shard shard = shards.computeIfAbsent(single, file -> Shard.map(file, arena));
    Map<String, Path> files = HashMap.newHashMap(shard.extents().size());
    shard.extents().keySet().forEach(name -> files.put(name, single));
    return files;
  }

  private static Map<String, Path> weightMap(Path index) {
    if (!Files.exists(index)) {
      throw InputException.in(index.resolveSibling(""), "holds neither " + SINGLE_FILE + " nor " + INDEX_FILE);
    }
    JsonFields weightMap = JsonFields.read(index).object("weight_map");
    Map<String, Path> files = HashMap.newHashMap(weightMap.names().size());
    for (String name : weightMap.names()) {
      String file = weightMap.text(name);
      if (!file.matches("[\\w.-]+") || !file.endsWith(".safetensors")) {
        throw weightMap.wrong(name, "must be the name of a .safetensors file beside the index");
      }
      files.put(name, index.resolveSibling(file));
    }
    return files;
  }

  /** With fewer layers than the checkpoint holds, the engine would run another model. */
  private void requireNoFurtherLayer() {
    String further = "model.layers." + config.numLayers() + ".";
    if (fileByTensor.keySet().stream().anyMatch(name -> name.startsWith(further))) {
      throw InputException.in(folder.resolve("config.json"), "num_hidden_layers", config.numLayers(),
          index.getFileName() + " holds " + further + "* as well");
    }
  }
}
