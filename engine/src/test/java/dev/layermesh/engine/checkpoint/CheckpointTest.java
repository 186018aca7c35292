package dev.layermesh.engine.checkpoint;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.layermesh.decoding.InputException;
import dev.layermesh.engine.model.ModelConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

@Timeout(60)
class CheckpointTest {

  @ParameterizedTest
  @MethodSource("dev.layermesh.engine.checkpoint.Fixtures#all")
  void shouldHoldEveryTensorInTheShapeOfTheConfig(Path folder) {
    try (Checkpoint checkpoint = Checkpoint.open(folder)) {
      ModelConfig config = checkpoint.config();
      Weights weights = checkpoint.weights(Slice.whole(config.numLayers()));

      assertThat(weights.embedding().orElseThrow().shape()).containsExactly(config.vocabSize(), config.hiddenSize());
      assertThat(weights.layers()).hasSize(config.numLayers());
      for (LayerWeights layer : weights.layers()) {
        assertThat(layer.inputNorm().shape()).containsExactly(config.hiddenSize());
        assertThat(layer.q().shape()).containsExactly(config.numHeads() * config.headDim(), config.hiddenSize());
        assertThat(layer.k().shape()).containsExactly(config.numKvHeads() * config.headDim(), config.hiddenSize());
        assertThat(layer.v().shape()).containsExactly(config.numKvHeads() * config.headDim(), config.hiddenSize());
        assertThat(layer.o().shape()).containsExactly(config.hiddenSize(), config.numHeads() * config.headDim());
        assertThat(layer.postNorm().shape()).containsExactly(config.hiddenSize());
        assertThat(layer.gate().shape()).containsExactly(config.intermediateSize(), config.hiddenSize());
        assertThat(layer.up().shape()).containsExactly(config.intermediateSize(), config.hiddenSize());
        assertThat(layer.down().shape()).containsExactly(config.hiddenSize(), config.intermediateSize());
      }
      assertThat(weights.head().orElseThrow().norm().shape()).containsExactly(config.hiddenSize());
    }
  }

  @Test
  void shouldShareTheEmbeddingWithATiedHead() {
    try (Checkpoint checkpoint = Checkpoint.open(Fixtures.LLAMA3)) {
      Weights weights = checkpoint.weights(Slice.draft(1));

      assertThat(weights.head().orElseThrow().projection().name()).isEqualTo("model.embed_tokens.weight");
      assertThat(weights.tensors()).doesNotHaveDuplicates().hasSize(1 + 9 + 1);
    }
    try (Checkpoint checkpoint = Checkpoint.open(Fixtures.LLAMA2)) {
      Weights weights = checkpoint.weights(Slice.draft(1));

      assertThat(weights.head().orElseThrow().projection().name()).isEqualTo("lm_head.weight");
      assertThat(weights.tensors()).hasSize(1 + 9 + 2);
    }
  }

  @Test
  void shouldReadWeightsOfMixedDTypes(@TempDir Path temp) {
    Path folder = Fixtures.copy(Fixtures.LLAMA3, temp);
    Safetensors.editHeader(folder.resolve("model-00003-of-00003.safetensors"),
        header -> header.replace("\"BF16\"", "\"F16\""));

    try (Checkpoint checkpoint = Checkpoint.open(folder)) {
      Weights weights = checkpoint.weights(Slice.whole(8));
      assertThat(weights.layers().getFirst().q().dtype()).isEqualTo(DType.BF16);
      assertThat(weights.layers().getLast().q().dtype()).isEqualTo(DType.F16);
    }
  }

  @Test
  void shouldStartWithTheShardsOfOtherLayersRemoved(@TempDir Path temp) throws IOException {
    Path folder = Fixtures.copy(Fixtures.LLAMA3, temp);
    Files.delete(folder.resolve("model-00002-of-00003.safetensors")); // layers 2 to 6

    try (Checkpoint checkpoint = Checkpoint.open(folder)) {
      assertThat(checkpoint.weights(Slice.draft(2)).layers()).hasSize(2);
      assertThat(checkpoint.weights(Slice.verify(7, 8)).layers()).hasSize(1);
      assertThatThrownBy(() -> checkpoint.weights(Slice.draft(3)))
          .isInstanceOf(InputException.class)
          .hasMessage(folder + "/model.safetensors.index.json: weight_map.model.layers.2.input_layernorm.weight="
              + "model-00002-of-00003.safetensors: no such file beside it");
    }
  }

  @Test
  void shouldNotOpenADamagedShardOfOtherLayers(@TempDir Path temp) throws IOException {
    Path folder = Fixtures.copy(Fixtures.LLAMA3, temp);
    Files.writeString(folder.resolve("model-00002-of-00003.safetensors"), "damaged");

    try (Checkpoint checkpoint = Checkpoint.open(folder)) {
      assertThat(checkpoint.weights(Slice.draft(2)).bytes()).isPositive();
    }
  }

  @Test
  void shouldRefuseReadingAfterClosing() {
    Checkpoint checkpoint = Checkpoint.open(Fixtures.BUNDLED);
    TensorView embedding = checkpoint.weights(Slice.draft(1)).embedding().orElseThrow();
    checkpoint.close();

    assertThatThrownBy(() -> embedding.data().get(JAVA_BYTE, 0)).isInstanceOf(IllegalStateException.class);
  }
}
