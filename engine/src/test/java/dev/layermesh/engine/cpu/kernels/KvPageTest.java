package dev.layermesh.engine.cpu.kernels;

import static org.assertj.core.api.Assertions.assertThat;

import dev.layermesh.engine.kv.KvType;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Keys and values of a block in one layer. */
class KvPageTest {

  @ParameterizedTest
  @EnumSource
  void shouldTakeTheBytesThatABudgetCounts(KvType type) {
    var shape = new KvShape(type, 3, 2, 64, 40);
    long bytes = switch (KvPage.of(shape)) {
      case KvPage.Full page -> 4L * (page.keys().length + page.values().length);
      case KvPage.Quants page -> page.keys().length + page.values().length
          + 4L * (page.keyScales().length + page.valueScales().length);
    };
    assertThat(shape.bytes()).isEqualTo(3 * bytes);
  }

  @ParameterizedTest
  @EnumSource
  void shouldCopyEverything(KvType type) {
    var shape = new KvShape(type, 1, 2, 64, 20);
    var random = new Random(3);
    KvPage page = KvPage.of(shape);
    for (int place = 0; place < 20; place++) {
      page.put(place, row(random), row(random), 0);
    }
    KvPage copy = KvPage.of(shape);
    copy.copy(page);
    assertThat(copy).usingRecursiveComparison().isEqualTo(page);
    copy.put(7, row(random), row(random), 0);
    assertThat(copy).usingRecursiveComparison().isNotEqualTo(page);
  }

  private static Activations row(Random random) {
    float[] values = new float[128];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return TestPages.quantized(values, values.length);
  }
}
