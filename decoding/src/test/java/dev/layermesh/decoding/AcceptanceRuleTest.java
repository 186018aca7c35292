package dev.layermesh.decoding;

import static org.assertj.core.api.Assertions.assertThat;

import dev.layermesh.decoding.AcceptanceRule.Judgement;
import dev.layermesh.decoding.Distribution.Certain;
import dev.layermesh.decoding.Distribution.Dense;
import dev.layermesh.decoding.PositionRandom.Purpose;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;
import java.util.function.LongFunction;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Both rules: scripted cases, then in distribution over many seeds on a first-order toy model of five tokens. */
@Timeout(60)
class AcceptanceRuleTest {
  private static final int VOCAB = 5;
  private static final int SEEDS = 100_000;
  private static final int JOINT = 3;
  private static final PositionRandom RANDOM = new PositionRandom(1);

  /** Row x: p or q of the token after x. They differ by up to 0.5 in a cell; each lacks a token that the other has. */
  private static final float[][] TARGET = {
      {0.10f, 0.40f, 0.20f, 0.25f, 0.05f},
      {0.30f, 0.05f, 0.15f, 0.10f, 0.40f},
      {0.20f, 0.20f, 0.20f, 0.20f, 0.20f},
      {0.60f, 0.10f, 0.10f, 0.15f, 0.05f},
      {0.00f, 0.50f, 0.10f, 0.10f, 0.30f},
  };
  private static final float[][] DRAFT = {
      {0.30f, 0.10f, 0.30f, 0.25f, 0.05f},
      {0.20f, 0.20f, 0.20f, 0.00f, 0.40f},
      {0.60f, 0.10f, 0.10f, 0.10f, 0.10f},
      {0.10f, 0.60f, 0.10f, 0.15f, 0.05f},
      {0.25f, 0.25f, 0.10f, 0.10f, 0.30f},
  };

  static List<AcceptanceRule> rules() {
    return List.of(AcceptanceRule.SHARED_NOISE, AcceptanceRule.SPECULATIVE_SAMPLING);
  }

  @ParameterizedTest
  @MethodSource("rules")
  void shouldKeepTheMatchingPrefixAndCorrectTheFirstMismatchWhenGreedy(AcceptanceRule rule) {
    assertThat(rule.judge(draft(3, 1, 4), targets(3, 1, 2, 0), 10, RANDOM)).isEqualTo(judgement(2, 2));
    assertThat(rule.judge(draft(3, 1, 4), targets(0, 1, 4, 0), 10, RANDOM)).isEqualTo(judgement(0, 0));
  }

  @ParameterizedTest
  @MethodSource("rules")
  void shouldAddABonusWhenAllAreAcceptedAndThereIsNoTail(AcceptanceRule rule) {
    assertThat(rule.judge(draft(3, 1), targets(3, 1, 2), 10, RANDOM)).isEqualTo(judgement(2, 2));
    assertThat(rule.judge(draft(), targets(4), 10, RANDOM)).as("autoregressive").isEqualTo(judgement(0, 4));
  }

  @ParameterizedTest
  @MethodSource("rules")
  void shouldLeaveNothingToChooseWhenTheTailIsAccepted(AcceptanceRule rule) {
    assertThat(rule.judge(draft(3, 1), targets(3, 1), 10, RANDOM)).isEqualTo(new Judgement(2, OptionalInt.empty()));
    assertThat(rule.judge(draft(3), targets(3), 10, RANDOM)).isEqualTo(new Judgement(1, OptionalInt.empty()));
  }

  @ParameterizedTest
  @MethodSource("rules")
  void shouldCorrectARejectedTail(AcceptanceRule rule) {
    assertThat(rule.judge(draft(3, 1), targets(3, 2), 10, RANDOM)).isEqualTo(judgement(1, 2));
  }

  @ParameterizedTest
  @MethodSource("rules")
  void shouldFollowTheTargetWhenTheDraftIsCertainAndTheTargetIsNot(AcceptanceRule rule) {
    long[] counts = new long[VOCAB];
    for (int seed = 0; seed < SEEDS; seed++) {
      List<Distribution> target = List.of(new Dense(TARGET[0]));
      var judged = rule.judge(draft(2), target, 3, new PositionRandom(seed));
      counts[judged.next().orElse(2)]++;
    }
    assertThat(ChiSquare.fits(counts, marginals(0))).isTrue();
  }

  @Test
  void shouldDrawTheCorrectionFromTheResidualAlone() {
    float[] p = {0.1f, 0.6f, 0.3f, 0, 0};
    float[] q = {0.5f, 0.2f, 0.3f, 0, 0};
    for (int seed = 0; seed < 2_000; seed++) {
      var judged = AcceptanceRule.SPECULATIVE_SAMPLING.judge(
          List.of(new DraftToken(0, new Dense(q))), List.of(new Dense(p)), 3, new PositionRandom(seed));
      assertThat(judged.next().orElse(1)).as("p exceeds q at token 1 alone").isEqualTo(1);
    }
  }

  @Test
  void shouldAcceptWithTheProbabilityOfTheOverlap() {
    double overlap = 0;
    for (int id = 0; id < VOCAB; id++) {
      overlap += Math.min(TARGET[0][id], DRAFT[0][id]);
    }
    long[] counts = new long[2];
    for (int seed = 0; seed < SEEDS; seed++) {
      var random = new PositionRandom(seed);
      var drawn = drawn(0, Purpose.DRAFT, 4, random);
      List<Distribution> target = List.of(new Dense(TARGET[0]));
      counts[AcceptanceRule.SPECULATIVE_SAMPLING.judge(List.of(drawn), target, 4, random).accepted()]++;
    }
    assertThat(ChiSquare.fits(counts, new double[] {1 - overlap, overlap})).isTrue();
  }

  @Test
  void shouldAcceptWhateverIsDrawnFromTheTargetItself() {
    for (int seed = 0; seed < 2_000; seed++) {
      var random = new PositionRandom(seed);
      for (AcceptanceRule rule : rules()) {
        Distribution p = new Dense(TARGET[1]);
        var same = new DraftToken(Sampler.pick(p, random, rule.draftNoise(), 7), p);
        assertThat(rule.judge(List.of(same), List.of(p), 7, random).accepted()).isEqualTo(1);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("rules")
  void shouldGiveSingleTokensAndJointsTheTargetsDistribution(AcceptanceRule rule) {
    for (int window : new int[] {2, 3}) {
      for (boolean tail : new boolean[] {false, true}) {
        long[] joints = joints(rule, window, tail, PositionRandom::new);
        assertThat(ChiSquare.fits(joints, exactJoints())).as("joints, K=%d, tail=%s", window, tail).isTrue();
        for (int place = 0; place < JOINT; place++) {
          assertThat(ChiSquare.fits(singles(joints, place), marginals(place)))
              .as("token %d, K=%d, tail=%s", place, window, tail)
              .isTrue();
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("rules")
  void shouldFailTheSameCheckWithConstantNoise(AcceptanceRule rule) {
    var constant = new PositionRandom(3);
    assertThat(ChiSquare.fits(joints(rule, 2, false, seed -> constant), exactJoints())).isFalse();
  }

  @Test
  void shouldFailTheSameCheckWhenDraftAndResidualShareTheirNoise() {
    long[] joints = new long[VOCAB * VOCAB * VOCAB];
    for (long seed = 0; seed < SEEDS; seed++) {
      joints[joint(AcceptanceRule.SPECULATIVE_SAMPLING, Purpose.TARGET, 2, false, new PositionRandom(seed))]++;
    }
    assertThat(ChiSquare.fits(joints, exactJoints())).isFalse();
  }

  @Test
  void shouldGiveTheTokensOfAutoregressiveSamplingUnderSharedNoise() {
    for (long seed = 0; seed < 20_000; seed++) {
      var random = new PositionRandom(seed);
      int last = 0;
      int expected = 0;
      for (int position = 1; position <= JOINT; position++) {
        last = Sampler.pick(new Dense(TARGET[last]), random, Purpose.TARGET, position);
        expected = expected * VOCAB + last;
      }
      for (int window = 0; window <= 3; window++) {
        assertThat(joint(AcceptanceRule.SHARED_NOISE, Purpose.TARGET, window, false, random)).isEqualTo(expected);
        assertThat(joint(AcceptanceRule.SHARED_NOISE, Purpose.TARGET, window, true, random)).isEqualTo(expected);
      }
    }
  }

  private static long[] joints(AcceptanceRule rule, int window, boolean tail, LongFunction<PositionRandom> noise) {
    long[] counts = new long[VOCAB * VOCAB * VOCAB];
    for (long seed = 0; seed < SEEDS; seed++) {
      counts[joint(rule, rule.draftNoise(), window, tail, noise.apply(seed))]++;
    }
    return counts;
  }

  /** The first three tokens after token 0 at position 0, window by window, as one number in base VOCAB. */
  private static int joint(AcceptanceRule rule, Purpose draftNoise, int window, boolean tail, PositionRandom random) {
    var tokens = new ArrayList<>(List.of(0));
    while (tokens.size() <= JOINT) {
      int base = tokens.size();
      int last = tokens.getLast();
      var draft = new ArrayList<DraftToken>();
      var targets = new ArrayList<Distribution>();
      for (int i = 0; i < (tail ? window + 1 : window); i++) {
        targets.add(new Dense(TARGET[last]));
        draft.add(drawn(last, draftNoise, base + i, random));
        last = draft.getLast().id();
      }
      if (!tail) {
        targets.add(new Dense(TARGET[last]));
      }
      var judged = rule.judge(draft, targets, base, random);
      draft.subList(0, judged.accepted()).forEach(token -> tokens.add(token.id()));
      judged.next().ifPresent(tokens::add);
    }
    return (tokens.get(1) * VOCAB + tokens.get(2)) * VOCAB + tokens.get(3);
  }

  private static DraftToken drawn(int last, Purpose noise, int position, PositionRandom random) {
    Distribution q = new Dense(DRAFT[last]);
    return new DraftToken(Sampler.pick(q, random, noise, position), q);
  }

  private static double[] exactJoints() {
    double[] exact = new double[VOCAB * VOCAB * VOCAB];
    for (int i = 0; i < exact.length; i++) {
      int a = i / (VOCAB * VOCAB);
      int b = i / VOCAB % VOCAB;
      int c = i % VOCAB;
      exact[i] = (double) TARGET[0][a] * TARGET[a][b] * TARGET[b][c];
    }
    return exact;
  }

  private static double[] marginals(int place) {
    double[] joints = exactJoints();
    double[] exact = new double[VOCAB];
    for (int i = 0; i < joints.length; i++) {
      exact[token(i, place)] += joints[i];
    }
    return exact;
  }

  private static long[] singles(long[] joints, int place) {
    long[] counts = new long[VOCAB];
    for (int i = 0; i < joints.length; i++) {
      counts[token(i, place)] += joints[i];
    }
    return counts;
  }

  private static int token(int joint, int place) {
    return switch (place) {
      case 0 -> joint / (VOCAB * VOCAB);
      case 1 -> joint / VOCAB % VOCAB;
      default -> joint % VOCAB;
    };
  }

  private static List<DraftToken> draft(int... ids) {
    var tokens = new ArrayList<DraftToken>();
    for (int id : ids) {
      tokens.add(DraftToken.certain(id));
    }
    return tokens;
  }

  private static List<Distribution> targets(int... ids) {
    var targets = new ArrayList<Distribution>();
    for (int id : ids) {
      targets.add(new Certain(id));
    }
    return targets;
  }

  private static Judgement judgement(int accepted, int next) {
    return new Judgement(accepted, OptionalInt.of(next));
  }
}
