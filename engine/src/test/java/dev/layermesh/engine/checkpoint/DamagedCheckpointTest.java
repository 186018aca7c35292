package dev.layermesh.engine.checkpoint;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.layermesh.decoding.InputException;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(60)
class DamagedCheckpointTest {
  @TempDir
  private Path temp;

  private Path single;
  private Path sharded;

  @BeforeEach
  void copyGoodCheckpoints() {
    single = Fixtures.copy(Fixtures.LLAMA2, temp);
    sharded = Fixtures.copy(Fixtures.LLAMA3, temp);
  }

  @Test
  void shouldRefuseAFolderThatIsNoCheckpoint() throws IOException {
    assertRefused(temp.resolve("absent"), temp.resolve("absent"), "no such folder or file");

    Files.delete(single.resolve("model.safetensors"));
    assertRefused(single, single, "holds neither model.safetensors nor model.safetensors.index.json");
  }

  @Test
  void shouldRefuseATruncatedFile() throws IOException {
    Path file = single.resolve("model.safetensors");
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
      channel.truncate(channel.size() - 1);
    }
    assertRefused(single, file, "model.norm.weight.data_offsets=[1975296,1975552]: "
        + "must be [begin, end] within the 1975551 bytes of data that the file has");
  }

  @Test
  void shouldRefuseAMissingTensor() {
    Path file = single.resolve("model.safetensors");
    Safetensors.editHeader(file, header -> header.replace("\"lm_head.weight\"", "\"head.weight\""));
    assertRefused(single, file, "lm_head.weight=absent: the model needs this tensor, [1500, 64]");
  }

  @Test
  void shouldRefuseATensorOfAnotherShape() {
    Path file = single.resolve("model.safetensors");
    Safetensors.editHeader(file, header -> header.replaceFirst("\\[64,176]", "[176,64]"));
    assertRefused(single, file,
        "model.layers.0.mlp.down_proj.weight.shape=[176, 64]: must be [64, 176] by config.json");
  }

  @Test
  void shouldRefuseWeightsOfAnotherDType() {
    Path file = single.resolve("model.safetensors");
    Safetensors.editHeader(file, header -> header.replaceFirst("\"F32\",\"shape\":\\[64]", "\"I32\",\"shape\":[64]"));
    assertRefused(single, file, "model.layers.0.input_layernorm.weight.dtype=I32: must be F32, F16 or BF16");
  }

  @Test
  void shouldRefuseAConfigOfFewerLayersThanTheCheckpointHolds() {
    Fixtures.edit(single.resolve("config.json"), "\"num_hidden_layers\": 6", "\"num_hidden_layers\": 5");
    assertRefused(single, single.resolve("config.json"),
        "num_hidden_layers=5: model.safetensors holds model.layers.5.* as well");
  }

  @Test
  void shouldRefuseAConfigOfMoreLayersThanTheCheckpointHolds() {
    Fixtures.edit(sharded.resolve("config.json"), "\"num_hidden_layers\": 8", "\"num_hidden_layers\": 9");
    assertRefused(sharded, index(),
        "model.layers.8.input_layernorm.weight=absent: the model needs this tensor, [96]");
  }

  @Test
  void shouldRefuseAnIndexThatNamesAMissingShard() {
    Fixtures.edit(index(), "model-00003-of-00003", "model-00004-of-00003");
    assertRefused(sharded, index(), "weight_map.model.layers.7.input_layernorm.weight="
        + "model-00004-of-00003.safetensors: no such file beside it");
  }

  @Test
  void shouldRefuseAnIndexThatNamesATensorItsShardLacks() {
    Path shard = sharded.resolve("model-00003-of-00003.safetensors");
    Safetensors.editHeader(shard, header -> header.replace("\"model.norm.weight\"", "\"model.form.weight\""));
    assertRefused(sharded, shard,
        "model.norm.weight=absent: model.safetensors.index.json places it here");
  }

  @Test
  void shouldRefuseTwoShardsThatClaimOneTensor() {
    Path shard = sharded.resolve("model-00003-of-00003.safetensors");
    Safetensors.editHeader(shard,
        header -> header.replace("model.layers.7.input_layernorm.weight", "model.layers.0.input_layernorm.weight"));
    assertRefused(sharded, shard, "tensor=model.layers.0.input_layernorm.weight: "
        + "model.safetensors.index.json places it in model-00001-of-00003.safetensors");
  }

  @ParameterizedTest
  @ValueSource(strings = {"../model-00003-of-00003.safetensors", "/etc/passwd", "config.json", ""})
  void shouldRefuseAnIndexThatLeavesTheFolder(String file) {
    Fixtures.edit(index(), "\"model.norm.weight\": \"model-00003-of-00003.safetensors\"",
        "\"model.norm.weight\": \"" + file + "\"");
    assertRefused(sharded, index(), "weight_map.model.norm.weight=\"" + file
        + "\": must be the name of a .safetensors file beside the index");
  }

  @Test
  void shouldRefuseAnIndexWithoutWeightMap() throws IOException {
    Files.writeString(index(), "{\"metadata\": {}}");
    assertRefused(sharded, index(), "weight_map=absent: must be an object");

    Files.writeString(index(), "{\"weight_map\": {\"model.norm.weight\": 3}}");
    assertRefused(sharded, index(), "weight_map.model.norm.weight=3: must be a string");
  }

  private Path index() {
    return sharded.resolve("model.safetensors.index.json");
  }

  private static void assertRefused(Path folder, Path source, String message) {
    assertThatThrownBy(() -> {
      try (Checkpoint checkpoint = Checkpoint.open(folder)) {
        checkpoint.weights(Slice.whole(checkpoint.config().numLayers()));
      }
    }).isInstanceOf(InputException.class).hasMessage(source + ": " + message);
  }
}
