package dev.layermesh.engine.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.net.URISyntaxException;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** {@code blocks.safetensors}: random blocks of each type and the values that the Python package gguf gives them. */
@Timeout(60)
class BlocksTest {
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /** To the last bit; NaN where the reference has NaN, because random scales are sometimes NaN. */
  @ParameterizedTest
  @EnumSource(names = {"F32"}, mode = EnumSource.Mode.EXCLUDE)
  void shouldGiveBlocksTheValuesOfTheReference(DType dtype) throws URISyntaxException {
    try (Arena arena = Arena.ofConfined()) {
      Shard shard = Shard.map(Path.of(BlocksTest.class.getResource("blocks.safetensors").toURI()), arena);
      MemorySegment raw = shard.data(shard.extents().get(dtype + ".raw"));
      float[] expected = shard.data(shard.extents().get(dtype + ".values")).toArray(FLOAT);
      int blocks = Math.toIntExact(raw.byteSize() / dtype.blockBytes());

      var asRows = new TensorView("rows", dtype, new int[] {blocks, dtype.blockWeights()}, raw);
      for (int block = 0; block < blocks; block++) {
        int from = block * dtype.blockWeights();
        assertThat(row(asRows, block)).isEqualTo(Arrays.copyOfRange(expected, from, from + dtype.blockWeights()));
      }
      var asVector = new TensorView("vector", dtype, new int[] {expected.length}, raw);
      assertThat(row(asVector, 0)).isEqualTo(expected);
    }
  }

  @Test
  void shouldBeginWithinARow() {
    byte[] bytes = new byte[3 * 3 * 24];
    new Random(3).nextBytes(bytes);
    var w = new TensorView("w", DType.Q5_1, new int[] {3, 96}, MemorySegment.ofArray(bytes));
    float[] tail = new float[65];
    w.widen(2, 32, tail, 1);
    assertThat(Arrays.copyOfRange(tail, 1, 65)).isEqualTo(Arrays.copyOfRange(row(w, 2), 32, 96));
    assertThatThrownBy(() -> w.widen(2, 31, tail, 1))
        .isInstanceOf(IllegalArgumentException.class).hasMessage("a row of 31 in blocks of 32 Q5_1");
  }

  @Test
  void shouldFindTheRowsOfTransformersAmongInterleavedOnes() {
    MemorySegment data = MemorySegment.ofArray(new byte[48]);
    IntStream.range(0, 12).forEach(i -> data.set(FLOAT, 4L * i, i));
    var order = new RowOrder.InterleavedPairs(6);
    var w = new TensorView("q", DType.F32, new int[] {12, 1}, data, order);
    float[] rows = new float[12];
    for (int row = 0; row < 12; row++) {
      rows[row] = row(w, row)[0];
      assertThat(order.counted(order.stored(row))).isEqualTo(row);
    }
    assertThat(rows).containsExactly(0, 2, 4, 1, 3, 5, 6, 8, 10, 7, 9, 11);
    assertThat(w).isNotEqualTo(new TensorView("q", DType.F32, new int[] {12, 1}, data));
  }

  @Test
  void shouldRefuseRowsThatAreNoWholeBlocks() {
    MemorySegment data = MemorySegment.ofArray(new byte[34]);
    assertThatThrownBy(() -> new TensorView("w", DType.Q8_0, new int[] {1, 33}, data))
        .isInstanceOf(IllegalStateException.class).hasMessage("w: 34 bytes for Q8_0 [1, 33]");
  }

  private static float[] row(TensorView weights, int row) {
    float[] values = new float[weights.columns()];
    weights.widen(row, 0, values, 0);
    return values;
  }
}
