package dev.layermesh.decoding;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(10)
class HiddenRowsTest {
  private static final int WIDTH = 3;

  /** Rows whose bytes count up from {@code first * WIDTH * 2} on. */
  private static HiddenRows rows(int first, int count) {
    byte[] bytes = new byte[count * WIDTH * 2];
    for (int i = 0; i < bytes.length; i++) {
      bytes[i] = (byte) (first * WIDTH * 2 + i);
    }
    return new HiddenRows.Host(count, WIDTH, HiddenRows.Type.F16, MemorySegment.ofArray(bytes));
  }

  private static byte[] bytes(HiddenRows rows) {
    return rows.bytes().toArray(ValueLayout.JAVA_BYTE);
  }

  @Test
  void shouldReadTheSameWhereverRowsAreCut() {
    HiddenRows whole = rows(0, 9);
    HiddenRows joined = HiddenRows.join(List.of(rows(0, 4), rows(4, 1), rows(5, 4)));
    assertThat(joined.count()).isEqualTo(9);
    assertThat(joined.width()).isEqualTo(WIDTH);
    assertThat(joined.type()).isEqualTo(HiddenRows.Type.F16);
    for (int from = 0; from < 9; from++) {
      for (int to = from + 1; to <= 9; to++) {
        HiddenRows slice = joined.slice(from, to);
        assertThat(slice.count()).isEqualTo(to - from);
        assertThat(bytes(slice)).isEqualTo(bytes(whole.slice(from, to)));
        assertThat(slice.parts().stream().mapToInt(HiddenRows::count).sum()).isEqualTo(to - from);
      }
    }
  }

  @Test
  void shouldHandOutPartsThatAreInOnePieceEach() {
    HiddenRows first = rows(0, 2);
    HiddenRows nested = HiddenRows.join(List.of(HiddenRows.join(List.of(first, rows(2, 2))), rows(4, 1)));
    assertThat(nested.parts()).hasSize(3);
    assertThat(nested.parts().getFirst()).isSameAs(first);
    assertThat(HiddenRows.join(List.of(first))).isSameAs(first);
    assertThat(nested.slice(0, 2)).isSameAs(first);
  }

  @Test
  void shouldRefuseRowsThatDoNotFitTogetherAndSlicesBeyondThem() {
    var other = new HiddenRows.Host(1, 1, HiddenRows.Type.F32, MemorySegment.ofArray(new byte[4]));
    assertThatThrownBy(() -> HiddenRows.join(List.of(rows(0, 1), other)))
        .hasMessage("rows of 1 F32 behind rows of 3 F16");
    HiddenRows joined = HiddenRows.join(IntStream.range(0, 3).mapToObj(i -> rows(i, 1)).toList());
    assertThatThrownBy(() -> joined.slice(1, 4)).hasMessage("rows 1 to 4 of 3");
  }
}
