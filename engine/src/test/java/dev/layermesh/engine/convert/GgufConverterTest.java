package dev.layermesh.engine.convert;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.layermesh.decoding.InputException;
import dev.layermesh.engine.checkpoint.Checkpoint;
import dev.layermesh.engine.checkpoint.DType;
import dev.layermesh.engine.checkpoint.Fingerprint;
import dev.layermesh.engine.checkpoint.Fixtures;
import dev.layermesh.engine.checkpoint.LayerWeights;
import dev.layermesh.engine.checkpoint.LoadListener;
import dev.layermesh.engine.checkpoint.Safetensors;
import dev.layermesh.engine.checkpoint.Slice;
import dev.layermesh.engine.checkpoint.TensorView;
import dev.layermesh.engine.gguf.GgufFile;
import dev.layermesh.engine.model.ModelConfig;
import dev.layermesh.engine.model.RopeScaling;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

@Timeout(60)
class GgufConverterTest {
  private static final LoadListener SILENT = (done, total) -> {};

  @TempDir
  private Path temp;

  /** Quantized by the Python package gguf from the same weights: every byte of every tensor. */
  @ParameterizedTest
  @EnumSource
  void shouldQuantizeAsTheReferenceDoes(Quantization quantization) {
    Path file = convert(Fixtures.BUNDLED, Optional.of(quantization));
    try (Arena arena = Arena.ofConfined()) {
      GgufFile ours = GgufFile.map(file, arena);
      GgufFile theirs = GgufFile.map(dev.layermesh.testkit.Fixtures.gguf(quantization.name()), arena);
      assertThat(ours.tensors().keySet()).containsExactlyInAnyOrderElementsOf(theirs.tensors().keySet());
      theirs.tensors().forEach((name, tensor) -> {
        assertThat(ours.tensors().get(name).type()).isEqualTo(tensor.type());
        assertThat(ours.tensors().get(name).shape()).isEqualTo(tensor.shape());
        assertThat(ours.data(ours.tensors().get(name)).mismatch(theirs.data(tensor))).as(name).isEqualTo(-1);
      });
      for (String key : List.of("tokenizer.ggml.tokens", "tokenizer.ggml.merges")) {
        assertThat(ours.metadata().texts(key, 2048)).isEqualTo(theirs.metadata().texts(key, 2048));
      }
      assertThat(ours.metadata().integers("tokenizer.ggml.token_type", 2048))
          .isEqualTo(theirs.metadata().integers("tokenizer.ggml.token_type", 2048));
      for (String key : List.of("general.architecture", "tokenizer.ggml.model", "tokenizer.ggml.pre",
          "tokenizer.chat_template")) {
        assertThat(ours.metadata().text(key)).isEqualTo(theirs.metadata().text(key));
      }
    }
  }

  @ParameterizedTest
  @MethodSource("dev.layermesh.engine.checkpoint.Fixtures#all")
  void shouldKeepEveryNumberOfAModelThatIsNotQuantized(Path folder) {
    try (Checkpoint before = Checkpoint.open(folder);
        Checkpoint after = Checkpoint.open(convert(folder, Optional.empty()))) {
      Slice whole = Slice.whole(before.config().numLayers());
      List<TensorView> expected = before.weights(whole).tensors();
      List<TensorView> converted = after.weights(whole).tensors();
      assertThat(converted).hasSameSizeAs(expected);
      for (int i = 0; i < expected.size(); i++) {
        assertThat(converted.get(i).name()).isEqualTo(expected.get(i).name());
        for (int row = 0; row < expected.get(i).rows(); row++) {
          assertThat(row(converted.get(i), row)).isEqualTo(row(expected.get(i), row));
        }
      }
      assertThat(after.files().contents().get("tokenizer.json"))
          .isEqualTo(before.files().contents().get("tokenizer.json"));
      assertThat(after.files().chatTemplate(folder)).isEqualTo(before.files().chatTemplate(folder));
      requireSameConfig(before.config(), after.config());
      assertThat(Fingerprint.of(after, whole).id()).isNotEqualTo(Fingerprint.of(before, whole).id());
    }
  }

  private static void requireSameConfig(ModelConfig before, ModelConfig after) {
    assertThat(after.rope().inverseFrequencies(after.headDim()))
        .isEqualTo(before.rope().inverseFrequencies(before.headDim()));
    if (before.rope().scaling() instanceof RopeScaling.Default) {
      assertThat(after).isEqualTo(before);
    } else {
      assertThat(after.toString().replaceFirst("scaling=.*tiedHead", ""))
          .isEqualTo(before.toString().replaceFirst("scaling=.*tiedHead", ""));
    }
  }

  @Test
  void shouldLeaveRowsThatAreNoWholeBlocksInHalfPrecision() {
    try (Checkpoint checkpoint = Checkpoint.open(convert(Fixtures.LLAMA2, Optional.of(Quantization.Q4_0)))) {
      LayerWeights layer = checkpoint.weights(Slice.whole(6)).layers().getFirst();
      assertThat(layer.gate().dtype()).isEqualTo(DType.Q4_0); // rows of 64
      assertThat(layer.down().dtype()).isEqualTo(DType.F16); // rows of 176
      assertThat(layer.inputNorm().dtype()).isEqualTo(DType.F32);
    }
  }

  @Test
  void shouldTellHowFarItHasComeAndLeaveNothingElseBehind() throws IOException {
    List<Long> steps = new ArrayList<>();
    try (Checkpoint checkpoint = Checkpoint.open(Fixtures.BUNDLED)) {
      GgufConverter.convert(checkpoint, Optional.of(Quantization.Q8_0), temp.resolve("to.gguf"), (done, total) -> {
        assertThat(done).isLessThanOrEqualTo(total);
        steps.add(done);
      });
    }
    assertThat(steps).isSorted().last().isEqualTo((3_542_208L - 17 * 192) / 32 * 34 + 17 * 192 * 4);
    try (Stream<Path> left = Files.list(temp)) {
      assertThat(left).containsExactly(temp.resolve("to.gguf"));
    }
  }

  @Test
  void shouldRefuseAFileThatIsAlreadyConverted() {
    Path gguf = dev.layermesh.testkit.Fixtures.gguf("Q4_0");
    assertThatThrownBy(() -> convert(gguf, Optional.empty())).isInstanceOf(InputException.class)
        .hasMessage(gguf + ": is a GGUF file already: give a folder with safetensors");
    assertThatThrownBy(() -> QuantizedModels.of(gguf, Quantization.Q8_0, temp, SILENT))
        .isInstanceOf(InputException.class)
        .hasMessage("--quantize=q8_0: is for folders with safetensors; " + gguf
            + " is a GGUF file, which runs as it is");
  }

  @Test
  void shouldQuantizeAModelOnceAndAgainWhenItHasChanged() throws IOException {
    Path folder = Fixtures.copy(Fixtures.LLAMA2, temp);
    Path cache = temp.resolve("cache");
    Path first = QuantizedModels.of(folder, Quantization.Q8_0, cache, SILENT);
    assertThat(first).startsWith(cache.resolve("quantized")).hasFileName(folder.getFileName() + "-q8_0.gguf");
    Files.setLastModifiedTime(first, FileTime.fromMillis(0));
    assertThat(QuantizedModels.of(folder, Quantization.Q8_0, cache, SILENT)).isEqualTo(first);
    assertThat(Files.getLastModifiedTime(first).toMillis()).isZero();
    assertThat(QuantizedModels.of(folder, Quantization.Q4_0, cache, SILENT)).isNotEqualTo(first);

    Safetensors.flipByte(folder.resolve("model.safetensors"), "model.layers.3.mlp.up_proj.weight", 4_000);
    assertThat(QuantizedModels.of(folder, Quantization.Q8_0, cache, SILENT)).isNotEqualTo(first);
  }

  @Test
  void shouldReplaceADamagedCopy() throws IOException {
    Path copy = QuantizedModels.of(Fixtures.LLAMA2, Quantization.Q8_0, temp, SILENT);
    byte[] good = Files.readAllBytes(copy);
    Files.write(copy, new byte[] {1, 2, 3});
    assertThat(QuantizedModels.of(Fixtures.LLAMA2, Quantization.Q8_0, temp, SILENT)).isEqualTo(copy);
    assertThat(Files.readAllBytes(copy)).isEqualTo(good);
  }

  @Test
  void shouldGiveACopyTheSameFingerprintWhereverItLies() {
    Path here = QuantizedModels.of(Fixtures.LLAMA2, Quantization.Q8_0, temp.resolve("here"), SILENT);
    Path there = QuantizedModels.of(Fixtures.LLAMA2, Quantization.Q8_0, temp.resolve("there"), SILENT);
    try (Checkpoint one = Checkpoint.open(here); Checkpoint other = Checkpoint.open(there)) {
      assertThat(Fingerprint.of(one, Slice.whole(6))).isEqualTo(Fingerprint.of(other, Slice.whole(6)));
    }
  }

  @Test
  void shouldRoundHalvesAwayFromZero() {
    float[] row = new float[32];
    row[0] = 127;
    row[1] = 2.5f;
    row[2] = -2.5f;
    MemorySegment block = MemorySegment.ofArray(new byte[34]);
    Quantization.Q8_0.row(row, 32, block);
    assertThat(block.asSlice(2, 4).toArray(JAVA_BYTE)).containsExactly(127, 3, -3, 0);
    Quantization.Q8_0.row(new float[32], 32, block);
    assertThat(block.toArray(JAVA_BYTE)).containsOnly(0);
  }

  private Path convert(Path folder, Optional<Quantization> quantization) {
    Path file = temp.resolve("converted.gguf");
    try (Checkpoint checkpoint = Checkpoint.open(folder)) {
      GgufConverter.convert(checkpoint, quantization, file, SILENT);
    }
    return file;
  }

  private static float[] row(TensorView weights, int row) {
    float[] values = new float[weights.columns()];
    weights.widen(row, 0, values, 0);
    return values;
  }
}
