package dev.layermesh.engine.speculation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.layermesh.decoding.AcceptanceRule;
import dev.layermesh.decoding.DraftChoice;
import dev.layermesh.decoding.InputException;
import dev.layermesh.decoding.SamplingParams;
import dev.layermesh.decoding.SessionSpec;
import dev.layermesh.decoding.StopReason;
import dev.layermesh.decoding.TokenIds;
import dev.layermesh.decoding.WindowPolicy;
import dev.layermesh.decoding.loop.Drafter;
import dev.layermesh.decoding.loop.LocalVerifier;
import dev.layermesh.decoding.loop.Outcome;
import dev.layermesh.decoding.loop.SpeculativeDecoder;
import dev.layermesh.decoding.loop.Verifier;
import dev.layermesh.engine.EngineOptions;
import dev.layermesh.engine.kv.KvOptions;
import dev.layermesh.engine.kv.KvType;
import dev.layermesh.engine.lane.MemoryStats;
import dev.layermesh.engine.model.ModelConfig;
import dev.layermesh.testkit.Await;
import dev.layermesh.testkit.DraftOracle;
import dev.layermesh.testkit.Fixtures;
import dev.layermesh.testkit.Lossless;
import dev.layermesh.testkit.LosslessMatrix;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Sessions that share memory for keys and values: prefixes, budgets, waiting, preemption. */
@Tag("slow")
@Timeout(value = 3, unit = TimeUnit.MINUTES)
class KvMemoryTest {
  private static final int EXIT = 2;
  private static final int BLOCK = 16; // positions: whole vectors, so that nothing is padding
  private static final int TOKENS = 40;
  private static final EngineOptions OPTIONS = EngineOptions.of(Fixtures.tinyLlama2()).withExitLayer(EXIT);

  /** A split model with so many blocks on each side. */
  private static SplitModel split(int draftBlocks, int verifyBlocks, boolean shares) {
    ModelConfig config = config();
    int width = config.numKvHeads() * config.headDim();
    long perLayer = 2L * width * BLOCK * Float.BYTES;
    long draft = perLayer * EXIT + (long) config.hiddenSize() * BLOCK * Float.BYTES;
    long verify = perLayer * (config.numLayers() - EXIT);
    var model = new SplitModel(
        DraftModel.open(OPTIONS.withKv(new KvOptions(draft * draftBlocks + draft / 2, BLOCK, shares)), (_, _) -> {}),
        VerifyModel.open(
            OPTIONS.withKv(new KvOptions(verify * verifyBlocks + verify / 2, BLOCK, shares)), false, (_, _) -> {}));
    assertThat(model.draft().memory().kv().blocks()).isEqualTo(draftBlocks);
    assertThat(model.verify().memory().kv().blocks()).isEqualTo(verifyBlocks);
    return model;
  }

  private static ModelConfig config() {
    try (var model = DraftModel.open(OPTIONS, (_, _) -> {})) {
      return model.model().config();
    }
  }

  private static TokenIds prompt(int seed, int length) {
    return TokenIds.of(new Random(seed).ints(length, 3, 200).toArray());
  }

  private static SessionSpec spec(SplitModel split, TokenIds prompt, WindowPolicy window) {
    return split.spec(prompt, TOKENS, new SamplingParams(0.8, 0, 1, 5, AcceptanceRule.SHARED_NOISE), window);
  }

  private static Outcome run(SplitModel split, TokenIds prompt, WindowPolicy window) {
    return split.run(spec(split, prompt, window), _ -> {});
  }

  /** The sessions' tokens, one session after the other, with enough memory, without drafts and without sharing. */
  private static List<TokenIds> alone(List<TokenIds> prompts) {
    try (SplitModel split = split(1000, 1000, false)) {
      return prompts.stream().map(each -> run(split, each, WindowPolicy.AUTOREGRESSIVE).committed()).toList();
    }
  }

  private static void assertAllFree(SplitModel split) {
    for (MemoryStats memory : List.of(split.draft().memory(), split.verify().memory())) {
      assertThat(memory.kv().used()).as("blocks in use, of %s", memory).isZero();
    }
  }

  private static void awaitAllFree(SplitModel split) {
    Await.until("every block is free", Duration.ofSeconds(20),
        () -> split.draft().memory().kv().used() == 0 && split.verify().memory().kv().used() == 0);
    assertAllFree(split);
  }

  /** 36 bytes for 32 elements in place of 128; the exit states that drafters keep do not change. */
  @Test
  void shouldHoldThreeAndAHalfTimesThePositionsInTheSameMemoryWhereTheyAreRounded() {
    var kv = new KvOptions(8 << 20, 64, true);
    var options = EngineOptions.of(Fixtures.bundledModel());
    try (var plain = SplitModel.open(options.withKv(kv));
        var rounded = SplitModel.open(options.withKv(kv.withType(KvType.Q8_0)))) {
      ModelConfig config = plain.draft().model().config();
      long element = 64L * 2 * config.numKvHeads() * config.headDim(); // of a block, for each byte of an element
      int late = config.numLayers() - plain.draft().model().exitLayer();
      assertThat(plain.verify().memory().kv().blocks()).isEqualTo((8 << 20) / (4 * element * late));
      assertThat(rounded.verify().memory().kv().blocks()).isEqualTo((8 << 20) / (element * late * 36 / 32));
      long states = 64L * config.hiddenSize() * Float.BYTES;
      int early = plain.draft().model().exitLayer();
      assertThat(plain.draft().memory().kv().blocks()).isEqualTo((8 << 20) / (4 * element * early + states));
      assertThat(rounded.draft().memory().kv().blocks())
          .isEqualTo((8 << 20) / (element * early * 36 / 32 + states));
    }
  }

  @Test
  void shouldRefuseToRoundHeadsThatAreNoWholeBlocks() {
    var options = OPTIONS.withKv(OPTIONS.kv().withType(KvType.Q8_0));
    assertThatThrownBy(() -> SplitModel.open(options))
        .isInstanceOf(InputException.class)
        .hasMessage("--kv-type=q8_0: keys of this model's heads have 16 elements, which are no whole blocks of 32: "
            + "give f32");
  }

  @ParameterizedTest
  @CsvSource({"7, 7, true", "7, 7, false", "40, 7, true", "7, 40, false", "14, 9, true", "9, 14, false"})
  void shouldLetSessionsWaitForMemoryAndSayWhatTheySayAlone(int draftBlocks, int verifyBlocks, boolean shares)
      throws Exception {
    // 8 sessions of up to 95 positions: 6 blocks each, where 7 are enough for one.
    List<TokenIds> prompts = IntStream.range(0, 8).mapToObj(i -> prompt(i / 2, 20 + 5 * i)).toList();
    List<TokenIds> expected = alone(prompts);
    try (SplitModel split = split(draftBlocks, verifyBlocks, shares)) {
      assertSayTogether(split, prompts, expected);
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void shouldShareOneBudgetBetweenBothSidesOnOneLane(boolean shares) throws Exception {
    List<TokenIds> prompts = IntStream.range(0, 8).mapToObj(i -> prompt(i / 2, 20 + 5 * i)).toList();
    List<TokenIds> expected = alone(prompts);
    ModelConfig config = config();
    long position = 2L * config.numLayers() * config.numKvHeads() * config.headDim() + config.hiddenSize();
    var kv = new KvOptions(position * Float.BYTES * (7 * BLOCK + BLOCK / 2), BLOCK, shares);
    try (var model = CoLocatedModel.open(OPTIONS.withKv(kv), (_, _) -> {})) {
      var split = new SplitModel(model.draft(), model.verify());
      assertThat(split.draft().memory().kv().blocks()).isEqualTo(7);
      assertThat(split.verify().memory().kv().blocks()).isEqualTo(7);
      assertSayTogether(split, prompts, expected);
    }
  }

  private static void assertSayTogether(SplitModel split, List<TokenIds> prompts, List<TokenIds> expected)
      throws Exception {
    try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
      var running = new ArrayList<Future<TokenIds>>();
      for (int i = 0; i < prompts.size(); i++) {
        TokenIds prompt = prompts.get(i);
        var window = new WindowPolicy(i % 5, 1 + i % 2, i % 3 == 0);
        running.add(threads.submit(() -> run(split, prompt, window).committed()));
      }
      for (int i = 0; i < prompts.size(); i++) {
        Lossless.assertSameTokens(expected.get(i), running.get(i).get());
      }
    }
    awaitAllFree(split);
    assertThat(split.draft().memory().refused() + split.verify().memory().refused()).isPositive();
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 4})
  void shouldRunNoRowAgainThatASessionWithTheSameBeginningRan(int window) {
    TokenIds prompt = prompt(1, 100);
    TokenIds other = prompt.slice(0, 70).concat(prompt(2, 30));
    List<TokenIds> expected = alone(List.of(prompt, other));
    try (SplitModel split = split(100, 100, true)) {
      Outcome first = run(split, prompt, WindowPolicy.sequential(window));
      Outcome again = run(split, prompt, WindowPolicy.sequential(window));
      Lossless.assertSameTokens(expected.getFirst(), first.committed());
      Lossless.assertSameTokens(expected.getFirst(), again.committed());
      assertThat(again.stats().rounds()).isEqualTo(first.stats().rounds());
      assertThat(first.stats().earlyRows() - again.stats().earlyRows()).isEqualTo(99);
      assertThat(first.stats().lateRows() - again.stats().lateRows()).isEqualTo(99);
      Outcome alike = run(split, other, WindowPolicy.sequential(window));
      Lossless.assertSameTokens(expected.getLast(), alike.committed());
      assertThat(split.draft().memory().kv().hitPositions()).isEqualTo(99 + 70);
      assertThat(split.verify().memory().kv().hitPositions()).isEqualTo(99 + 70);
      awaitAllFree(split);
      assertThat(split.verify().memory().byName())
          .containsEntry("kv.positions.hit", 99L + 70)
          .containsEntry("kv.memory.used", 0L)
          .hasEntrySatisfying("kv.memory.kept", bytes -> assertThat(bytes).isPositive());
    }
  }

  @Test
  void shouldHitThePrefixThatAConversationLeft() {
    TokenIds prompt = prompt(3, 30);
    try (SplitModel split = split(100, 100, true)) {
      TokenIds said = run(split, prompt, WindowPolicy.sequential(3)).committed();
      TokenIds next = prompt.concat(said).concat(prompt(4, 10));
      List<TokenIds> expected = alone(List.of(next));
      Lossless.assertSameTokens(expected.getFirst(), run(split, next, WindowPolicy.sequential(3)).committed());
      assertThat(split.verify().memory().kv().hitPositions()).isGreaterThanOrEqualTo((30 + TOKENS - 1) / BLOCK * BLOCK);
    }
  }

  @Test
  void shouldShareAPromptAmongSessionsThatRunTogether() throws Exception {
    TokenIds prompt = prompt(5, 120);
    List<TokenIds> expected = alone(List.of(prompt));
    try (SplitModel split = split(100, 100, true)) {
      run(split, prompt, WindowPolicy.AUTOREGRESSIVE);
      try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
        var running = IntStream.range(0, 8)
            .mapToObj(i -> threads.submit(() -> run(split, prompt, WindowPolicy.sequential(i)).committed()))
            .toList();
        for (var each : running) {
          Lossless.assertSameTokens(expected.getFirst(), each.get());
        }
      }
      assertThat(split.draft().memory().kv().hitPositions()).isEqualTo(8 * 119);
      awaitAllFree(split);
    }
  }

  @Test
  void shouldSayWhichOptionIsTooSmallForASession() {
    try (SplitModel split = split(4, 4, true)) {
      assertThatThrownBy(() -> run(split, prompt(1, 64), WindowPolicy.sequential(2)))
          .hasStackTraceContaining(InputException.class.getName())
          .hasStackTraceContaining("--kv-memory=4 blocks: position 64 of a session needs 5 blocks of 16 positions");
      awaitAllFree(split);
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void shouldFreeTheBlocksOfSessionsThatAreKilledInTheMiddleOfAStep(boolean shares) throws Exception {
    List<TokenIds> prompts = IntStream.range(0, 6).mapToObj(i -> prompt(i, 60)).toList();
    List<TokenIds> expected = alone(prompts.subList(0, 1));
    try (SplitModel split = split(20, 20, shares)) {
      for (int kill = 0; kill < 10; kill++) {
        var started = new CountDownLatch(3 + kill % 4);
        List<Thread> threads = prompts.stream()
            .map(prompt -> Thread.ofVirtual().start(() -> {
              SessionSpec spec = spec(split, prompt, new WindowPolicy(3, 2, true));
              try (Drafter drafter = split.draft().drafter(spec, DraftChoice.sampled(spec.sampling()));
                  Verifier verifier = new LocalVerifier(split.verify())) {
                var outcome = new SpeculativeDecoder(spec, drafter, verifier, _ -> started.countDown()).run();
                assertThat(outcome.reason()).isIn(StopReason.CANCELLED, StopReason.LENGTH);
              }
            }))
            .toList();
        started.await();
        threads.forEach(Thread::interrupt);
        for (Thread thread : threads) {
          thread.join();
        }
        awaitAllFree(split);
      }
      Lossless.assertSameTokens(expected.getFirst(), run(split, prompts.getFirst(), WindowPolicy.AUTOREGRESSIVE)
          .committed());
    }
  }

  /** A session of the matrix needs 2 or 3 blocks, for which the pool evicts kept ones. */
  @ParameterizedTest
  @CsvSource({"4, 4, true", "1000, 1000, true", "4, 4, false"})
  void shouldNotDependOnWhatIsDraftedSharedOrEvicted(int draftBlocks, int verifyBlocks, boolean shares) {
    TokenIds prompt = Fixtures.golden(Fixtures.tinyLlama2()).cases().getFirst().promptIds();
    try (SplitModel plain = split(1000, 1000, false); SplitModel split = split(draftBlocks, verifyBlocks, shares)) {
      var oracle = new DraftOracle(
          spec -> plain.run(new SessionSpec(spec.key(), spec.prompt(), spec.committed(), spec.stops(),
              spec.sampling(), WindowPolicy.AUTOREGRESSIVE), _ -> {}).committed(),
          split.draft().model().config().vocabSize());
      int runs = LosslessMatrix.small(
          (spec, drafter, sink) -> split.run(spec, oracle.choice(spec, drafter), sink), oracle::continuation)
          .assertLossless(prompt, split.draft().model().config().maxPositions(), 7);
      assertThat(runs).isGreaterThan(200);
      awaitAllFree(split);
    }
  }
}
