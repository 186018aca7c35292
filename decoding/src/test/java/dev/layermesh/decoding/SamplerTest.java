package dev.layermesh.decoding;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.layermesh.decoding.PositionRandom.Purpose;
import java.util.Arrays;
import java.util.Comparator;
import java.util.Random;
import java.util.function.LongFunction;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(30)
class SamplerTest {
  private static final float[] P = {0.05f, 0.4f, 0.25f, 0.2f, 0.1f};

  @Test
  void shouldPutAllMassOnTheMostLikelyTokenWhenGreedyTiesToTheLowestId() {
    float[] logits = {-1, 3, 2, 3, 3};
    assertThat(Sampler.distribution(logits, 0, 5, SamplingParams.GREEDY)).isEqualTo(new Distribution.Certain(1));
  }

  @Test
  void shouldReadTheRowAtTheOffsetAlone() {
    float[] rows = {9, 9, 9, 0, 1, 0, 9};
    assertThat(Sampler.distribution(rows, 3, 3, SamplingParams.GREEDY)).isEqualTo(new Distribution.Certain(1));
    var dense = Sampler.distribution(rows, 3, 3, SamplingParams.sampled(1, 0));
    assertThat(dense.size()).isEqualTo(3);
    assertThat(dense.probability(1)).isCloseTo((float) (Math.E / (2 + Math.E)), within(1e-6f));
  }

  @Test
  void shouldDivideLogitsByTheTemperature() {
    var flat = Sampler.distribution(new float[] {0, 2}, 0, 2, SamplingParams.sampled(2, 0));
    assertThat(flat.probability(1) / flat.probability(0)).isCloseTo((float) Math.E, within(1e-5f));
  }

  @Test
  void shouldKeepExactlyTopKTokensEvenAmongTies() {
    var kept = Sampler.distribution(new float[] {1, 1, 1, 1, 1, 1}, 0, 6, params(1, 3, 1));
    assertThat(kept).isEqualTo(new Distribution.Sparse(new int[] {0, 1, 2}, new float[] {third(), third(), third()}));
    assertThat(Sampler.distribution(new float[] {1, 2}, 0, 2, params(1, 5, 1)).size()).isEqualTo(2);
  }

  @Test
  void shouldKeepTheSmallestNucleusThatReachesTopP() {
    var random = new Random(5);
    for (int run = 0; run < 500; run++) {
      float[] logits = new float[12];
      for (int i = 0; i < logits.length; i++) {
        logits[i] = (float) (3 * random.nextGaussian());
      }
      double topP = 0.05 + 0.9 * random.nextDouble();
      var full = Sampler.distribution(logits, 0, 12, SamplingParams.sampled(0.9, 0));
      var nucleus = Sampler.distribution(logits, 0, 12, params(0.9, 0, topP));
      double mass = 0;
      double least = 1;
      for (int i = 0; i < nucleus.size(); i++) {
        mass += full.probability(nucleus.id(i));
        least = Math.min(least, full.probability(nucleus.id(i)));
      }
      assertThat(mass).as("reaches top-p").isGreaterThan(topP - 1e-6);
      assertThat(mass - least).as("not without its least likely token").isLessThan(topP + 1e-6);
      for (int id = 0; id < 12; id++) {
        if (nucleus.probability(id) == 0) {
          assertThat(full.probability(id)).as("no likelier token is left out").isLessThanOrEqualTo((float) least);
        }
      }
    }
  }

  @Test
  void shouldKeepAtLeastOneTokenHoweverSmallTopP() {
    var one = Sampler.distribution(new float[] {1, 4, 4}, 0, 3, params(1, 0, 1e-9));
    assertThat(one).isEqualTo(new Distribution.Sparse(new int[] {1}, new float[] {1}));
  }

  @Test
  void shouldApplyTemperatureThenTopKThenTopP() {
    float[] logits = {(float) Math.log(8), (float) Math.log(4), (float) Math.log(2), (float) Math.log(2)};
    // Top-k 2 leaves 2/3 and 1/3: top-p 0.6 keeps one token. Of the whole, 1/2 and 1/4, it would keep two.
    assertThat(Sampler.distribution(logits, 0, 4, params(1, 2, 0.6)).size()).isEqualTo(1);
    assertThat(Sampler.distribution(logits, 0, 4, params(1, 0, 0.6)).size()).isEqualTo(2);
    // At temperature 2 the two are nearer to each other, and one is not enough any more.
    assertThat(Sampler.distribution(logits, 0, 4, params(2, 2, 0.6)).size()).isEqualTo(2);
  }

  @Test
  void shouldGiveTheBitsOfAFullSortForEveryTopKAndTopP() {
    var random = new Random(17);
    for (int run = 0; run < 3_000; run++) {
      float[] logits = logits(random, 1 + random.nextInt(run % 50 == 0 ? 3_000 : 60));
      double temperature = new double[] {1e-3, 0.7, 1, 3, 100}[random.nextInt(5)];
      int topK = random.nextBoolean() ? 0 : 1 + random.nextInt(logits.length);
      double topP = switch (random.nextInt(4)) {
        case 0 -> 1.0;
        case 1 -> (1 + random.nextInt(8)) / 8.0; // the nucleus of equal weights ends exactly at the limit
        default -> 1 - random.nextDouble();
      };
      if ((topK == 0 || topK == logits.length) && topP == 1) {
        continue;
      }
      var params = params(temperature, topK, topP);
      assertThat(Sampler.distribution(logits, 0, logits.length, params))
          .as("%s of %s", params, logits.length)
          .isEqualTo(byFullSort(logits, params));
    }
  }

  /** Spread, equal, few different values, or so far apart that most weights underflow to 0. */
  private static float[] logits(Random random, int vocabSize) {
    float[] logits = new float[vocabSize];
    int kind = random.nextInt(4);
    for (int i = 0; i < vocabSize; i++) {
      logits[i] = switch (kind) {
        case 0 -> (float) (3 * random.nextGaussian());
        case 1 -> 2;
        case 2 -> random.nextInt(4);
        default -> (float) (1000 * random.nextGaussian());
      };
    }
    return logits;
  }

  /** Temperature, top-k and top-p by the definition: sort the whole vocabulary, ties by the lowest id. */
  private static Distribution byFullSort(float[] logits, SamplingParams params) {
    float peak = Float.NEGATIVE_INFINITY;
    for (float logit : logits) {
      peak = Math.max(peak, logit);
    }
    double[] weights = new double[logits.length];
    for (int id = 0; id < weights.length; id++) {
      weights[id] = StrictMath.exp(((double) logits[id] - peak) / params.temperature());
    }
    int[] ranked = IntStream.range(0, weights.length).boxed()
        .sorted(Comparator.<Integer>comparingDouble(id -> -weights[id]).thenComparing(id -> id))
        .mapToInt(Integer::intValue)
        .toArray();
    int kept = params.topK() == 0 ? weights.length : Math.min(params.topK(), weights.length);
    double keptMass = 0;
    for (int i = 0; i < kept; i++) {
      keptMass += weights[ranked[i]];
    }
    int nucleus = 0;
    double reached = 0;
    while (nucleus < kept && (nucleus == 0 || reached < params.topP() * keptMass)) {
      reached += weights[ranked[nucleus++]];
    }
    int[] ids = Arrays.copyOf(ranked, nucleus);
    Arrays.sort(ids);
    float[] masses = new float[nucleus];
    for (int i = 0; i < nucleus; i++) {
      masses[i] = (float) (weights[ids[i]] / reached);
    }
    return new Distribution.Sparse(ids, masses);
  }

  @Test
  void shouldRefuseLogitsThatAreNotNumbers() {
    for (float bad : new float[] {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY}) {
      for (var params : new SamplingParams[] {SamplingParams.GREEDY, SamplingParams.sampled(1, 0)}) {
        assertThatThrownBy(() -> Sampler.distribution(new float[] {0, 1, bad, 2}, 0, 4, params))
            .isInstanceOf(IllegalStateException.class)
            .hasMessage("logit 2 is " + bad);
      }
    }
  }

  @Test
  void shouldPickTheSameTokenFromADenseAndFromASparseDistribution() {
    var dense = new Distribution.Dense(new float[] {0, 0.5f, 0, 0.3f, 0.2f});
    var sparse = new Distribution.Sparse(new int[] {1, 3, 4}, new float[] {0.5f, 0.3f, 0.2f});
    for (int seed = 0; seed < 5_000; seed++) {
      var random = new PositionRandom(seed);
      assertThat(Sampler.pick(sparse, random, Purpose.TARGET, 3))
          .isEqualTo(Sampler.pick(dense, random, Purpose.TARGET, 3));
    }
  }

  @Test
  void shouldPickTheSameTokenFromMassesThatAreNotNormed() {
    var half = new Distribution.Sparse(new int[] {1, 2}, new float[] {0.25f, 0.125f});
    var whole = new Distribution.Sparse(new int[] {1, 2}, new float[] {0.5f, 0.25f});
    for (int seed = 0; seed < 2_000; seed++) {
      var random = new PositionRandom(seed);
      assertThat(Sampler.pick(half, random, Purpose.DRAFT, 1)).isEqualTo(Sampler.pick(whole, random, Purpose.DRAFT, 1));
    }
  }

  @Test
  void shouldRefuseToPickWhereThereIsNoMass() {
    assertThatThrownBy(
        () -> Sampler.pick(new Distribution.Dense(new float[3]), new PositionRandom(1), Purpose.TARGET, 4))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("position 4");
  }

  @Test
  void shouldPickByProbabilityOverSeeds() {
    assertThat(ChiSquare.fits(picks(PositionRandom::new), probabilities())).isTrue();
  }

  @Test
  void shouldPickByProbabilityOverPositions() {
    long[] counts = new long[P.length];
    var random = new PositionRandom(11);
    for (int position = 0; position < 100_000; position++) {
      counts[Sampler.pick(new Distribution.Dense(P), random, Purpose.TARGET, position)]++;
    }
    assertThat(ChiSquare.fits(counts, probabilities())).isTrue();
  }

  @Test
  void shouldFailTheSameCheckWithConstantNoise() {
    var constant = new PositionRandom(1);
    assertThat(ChiSquare.fits(picks(seed -> constant), probabilities())).isFalse();
  }

  private static long[] picks(LongFunction<PositionRandom> noise) {
    long[] counts = new long[P.length];
    for (long seed = 0; seed < 100_000; seed++) {
      counts[Sampler.pick(new Distribution.Dense(P), noise.apply(seed), Purpose.TARGET, 0)]++;
    }
    return counts;
  }

  private static double[] probabilities() {
    double[] exact = new double[P.length];
    for (int i = 0; i < P.length; i++) {
      exact[i] = P[i];
    }
    return exact;
  }

  private static SamplingParams params(double temperature, int topK, double topP) {
    return new SamplingParams(temperature, topK, topP, 0, AcceptanceRule.SHARED_NOISE);
  }

  private static float third() {
    return (float) (1.0 / 3);
  }
}
