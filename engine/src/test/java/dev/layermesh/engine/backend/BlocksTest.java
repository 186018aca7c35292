package dev.layermesh.engine.backend;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.layermesh.engine.checkpoint.DType;
import dev.layermesh.engine.checkpoint.Raw;
import dev.layermesh.engine.checkpoint.RowOrder;
import dev.layermesh.engine.checkpoint.TensorView;
import java.lang.foreign.MemorySegment;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** {@code blocks.safetensors}: random blocks of each type and the values that the Python package gguf gives them. */
@Timeout(60)
class BlocksTest {

  /** To the last bit: NaN where it has NaN, for random scales are sometimes no numbers. */
  @ParameterizedTest
  @EnumSource(names = {"F32"}, mode = EnumSource.Mode.EXCLUDE)
  void shouldGiveBlocksTheValuesOfTheReference(DType dtype) throws URISyntaxException {
    Path file = Path.of(BlocksTest.class.getResource("blocks.safetensors").toURI());
    MemorySegment raw = Raw.tensor(file, dtype + ".raw");
    float[] expected = Raw.tensor(file, dtype + ".values").toArray(Elements.FLOAT);
    int blocks = Math.toIntExact(raw.byteSize() / dtype.blockBytes());

    TensorView asRows = new TensorView("rows", dtype, new int[] {blocks, dtype.blockWeights()}, raw);
    for (int block = 0; block < blocks; block++) {
      int from = block * dtype.blockWeights();
      assertThat(Weight.row(asRows, block)).isEqualTo(Arrays.copyOfRange(expected, from, from + dtype.blockWeights()));
    }
    TensorView asVector = new TensorView("vector", dtype, new int[] {expected.length}, raw);
    assertThat(Elements.vector(asVector)).isEqualTo(expected);
  }

  @Test
  void shouldBeginWithinARow() {
    TensorView w = Weight.blocks(new Random(3), DType.Q5_1, RowOrder.AS_STORED, 3, 96);
    float[] tail = new float[65];
    Elements.widen(w, 2, 32, tail, 1);
    assertThat(Arrays.copyOfRange(tail, 1, 65)).isEqualTo(Arrays.copyOfRange(Weight.row(w, 2), 32, 96));
    assertThatThrownBy(() -> Elements.widen(w, 2, 31, tail, 1))
        .isInstanceOf(IllegalArgumentException.class).hasMessage("a row of 31 in blocks of 32 Q5_1");
  }

  @Test
  void shouldFindTheRowsOfTransformersAmongInterleavedOnes() {
    float[] stored = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
    TensorView plain = Weight.of(DType.F32, stored, 12, 1);
    TensorView w = new TensorView("q", DType.F32, new int[] {12, 1}, plain.data(), new RowOrder.InterleavedPairs(6));
    float[] rows = new float[12];
    for (int row = 0; row < 12; row++) {
      rows[row] = Weight.row(w, row)[0];
    }
    assertThat(rows).containsExactly(0, 2, 4, 1, 3, 5, 6, 8, 10, 7, 9, 11);
    assertThat(w).isNotEqualTo(plain);
  }

  @Test
  void shouldRefuseRowsThatAreNoWholeBlocks() {
    MemorySegment data = MemorySegment.ofArray(new byte[34]);
    assertThatThrownBy(() -> new TensorView("w", DType.Q8_0, new int[] {1, 33}, data))
        .isInstanceOf(IllegalStateException.class).hasMessage("w: 34 bytes for Q8_0 [1, 33]");
  }
}
