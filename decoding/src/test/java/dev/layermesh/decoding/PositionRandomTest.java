package dev.layermesh.decoding;

import static org.assertj.core.api.Assertions.assertThat;

import dev.layermesh.decoding.PositionRandom.Purpose;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(30)
class PositionRandomTest {

  /** Known answers of Random123, file kat_vectors, generator philox2x64-10. */
  @Test
  void shouldGiveTheKnownAnswersOfRandom123() {
    assertThat(PositionRandom.philox(0, 0, 0)).isEqualTo(0xca00a0459843d731L);
    assertThat(PositionRandom.philox(-1, -1, -1)).isEqualTo(0x65b021d60cd8310fL);
    assertThat(PositionRandom.philox(0x243f6a8885a308d3L, 0x13198a2e03707344L, 0xa4093822299f31d0L))
        .isEqualTo(0x0a5e742c2997341cL);
  }

  @Test
  void shouldDependOnSeedPurposePositionAndIdAlone() {
    var random = new PositionRandom(7);
    double value = random.uniform(Purpose.TARGET, 12, 34);
    assertThat(new PositionRandom(7).uniform(Purpose.TARGET, 12, 34)).isEqualTo(value);
    Set<Double> neighbours = new HashSet<>(Set.of(
        value,
        random.uniform(Purpose.DRAFT, 12, 34),
        random.uniform(Purpose.ACCEPT, 12, 34),
        random.uniform(Purpose.TARGET, 13, 34),
        random.uniform(Purpose.TARGET, 12, 35),
        random.uniform(Purpose.TARGET, 34, 12),
        new PositionRandom(8).uniform(Purpose.TARGET, 12, 34)));
    assertThat(neighbours).hasSize(7);
  }

  @Test
  void shouldBeUniformOverPositionsOverIdsAndOverSeeds() {
    int draws = 100_000;
    int buckets = 100;
    long[] byPosition = new long[buckets];
    long[] byId = new long[buckets];
    long[] bySeed = new long[buckets];
    for (int i = 0; i < draws; i++) {
      byPosition[bucket(new PositionRandom(3).uniform(Purpose.TARGET, i, 0), buckets)]++;
      byId[bucket(new PositionRandom(3).uniform(Purpose.TARGET, 5, i), buckets)]++;
      bySeed[bucket(new PositionRandom(i).uniform(Purpose.TARGET, 5, 1), buckets)]++;
    }
    double[] even = even(buckets);
    assertThat(ChiSquare.fits(byPosition, even)).isTrue();
    assertThat(ChiSquare.fits(byId, even)).isTrue();
    assertThat(ChiSquare.fits(bySeed, even)).isTrue();
  }

  @Test
  void shouldNeverBeZeroOrOne() {
    for (int i = 0; i < 200_000; i++) {
      assertThat(new PositionRandom(-i).uniform(Purpose.ACCEPT, i, 0) > 0).isTrue();
      assertThat(new PositionRandom(-i).uniform(Purpose.ACCEPT, i, 0) < 1).isTrue();
    }
    double largest = ((-1L >>> 12) + 0.5) * 0x1p-52;
    assertThat(largest).isLessThan(1);
  }

  @Test
  void shouldDrawIndependentValuesForDifferentPurposes() {
    int side = 8;
    Purpose[] purposes = Purpose.values();
    for (int a = 0; a < purposes.length; a++) {
      for (int b = a + 1; b < purposes.length; b++) {
        long[] pairs = new long[side * side];
        for (int seed = 0; seed < 100_000; seed++) {
          var random = new PositionRandom(seed);
          int x = bucket(random.uniform(purposes[a], 9, 2), side);
          int y = bucket(random.uniform(purposes[b], 9, 2), side);
          pairs[x * side + y]++;
        }
        assertThat(ChiSquare.fits(pairs, even(side * side))).as(purposes[a] + " and " + purposes[b]).isTrue();
      }
    }
  }

  private static int bucket(double value, int buckets) {
    return (int) (value * buckets);
  }

  private static double[] even(int cells) {
    double[] probabilities = new double[cells];
    Arrays.fill(probabilities, 1.0 / cells);
    return probabilities;
  }
}
