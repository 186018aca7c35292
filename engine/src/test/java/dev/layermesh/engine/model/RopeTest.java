package dev.layermesh.engine.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@Timeout(60)
class RopeTest {

  @ParameterizedTest
  @CsvSource({"10000, 128", "500000, 64", "10000, 2", "500000, 16"})
  void shouldFallGeometrically(double theta, int headDim) {
    float[] frequencies = new Rope(theta, new RopeScaling.Default()).inverseFrequencies(headDim);

    assertThat(frequencies).hasSize(headDim / 2);
    for (int i = 0; i < frequencies.length; i++) {
      assertClose(frequencies[i], Math.pow(theta, -2.0 * i / headDim));
    }
  }

  @Test
  void shouldDivideAllFrequenciesWhenScaledLinearly() {
    float[] frequencies = new Rope(10_000, new RopeScaling.Linear(4)).inverseFrequencies(64);

    for (int i = 0; i < frequencies.length; i++) {
      assertClose(frequencies[i], Math.pow(10_000, -2.0 * i / 64) / 4);
    }
  }

  /** Llama 3.1 8B, Llama 3.2 1B and the fixture. */
  @ParameterizedTest
  @CsvSource({"500000, 128, 8, 1, 4, 8192", "500000, 64, 32, 1, 4, 8192", "500000, 16, 32, 1, 4, 64"})
  void shouldFollowTheLlama3Formula(
      double theta, int headDim, double factor, double low, double high, int originalMaxPositions) {
    Rope rope = new Rope(theta, new RopeScaling.Llama3(factor, low, high, originalMaxPositions));
    float[] frequencies = rope.inverseFrequencies(headDim);

    int kept = 0;
    int divided = 0;
    for (int i = 0; i < frequencies.length; i++) {
      double plain = Math.pow(theta, -2.0 * i / headDim);
      double turns = originalMaxPositions * plain / (2 * Math.PI); // within the context that the model was trained on
      if (turns > high) {
        assertClose(frequencies[i], plain);
        kept++;
      } else if (turns < low) {
        assertClose(frequencies[i], plain / factor);
        divided++;
      } else {
        double smooth = (turns - low) / (high - low);
        assertClose(frequencies[i], (1 - smooth) * plain / factor + smooth * plain);
      }
    }
    assertThat(kept).isPositive();
    assertThat(divided).isPositive();
    assertThat(kept + divided).isLessThan(frequencies.length); // all three branches were taken
  }

  private static void assertClose(float actual, double expected) {
    assertThat((double) actual).isCloseTo(expected, within(expected * 1e-6));
  }
}
