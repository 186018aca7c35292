package dev.layermesh.engine.backend;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.layermesh.decoding.AcceptanceRule;
import dev.layermesh.decoding.HiddenRows;
import dev.layermesh.decoding.SamplingParams;
import dev.layermesh.decoding.TokenIds;
import dev.layermesh.engine.Transformer;
import dev.layermesh.engine.backend.TestModel.Running;
import dev.layermesh.engine.backend.TestModel.Session;
import dev.layermesh.engine.checkpoint.Checkpoint;
import dev.layermesh.engine.checkpoint.DType;
import dev.layermesh.engine.checkpoint.Fixtures;
import dev.layermesh.engine.checkpoint.Golden;
import dev.layermesh.engine.checkpoint.LayerWeights;
import dev.layermesh.engine.checkpoint.Slice;
import dev.layermesh.engine.checkpoint.TensorView;
import dev.layermesh.engine.checkpoint.Weights;
import dev.layermesh.engine.cpu.ScalarBackendProvider;
import dev.layermesh.engine.kv.KvCache;
import dev.layermesh.engine.kv.KvOptions;
import dev.layermesh.engine.kv.KvType;
import dev.layermesh.engine.model.LayerPlan;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * What every backend must do: give a row the same bits beside any other rows, and agree with the reference within
 * rounding. A backend's own test extends it, in any module that depends on the engine's test jar.
 */
@Timeout(120)
public abstract class BackendContract {
  private static final int LENGTH = 40;
  private static final int[] CHUNKS = {2, 3, 5, 8, 17};
  private static final double GOLDEN_TOLERANCE = 2e-4; // of a tensor's largest element; the reference itself is float32
  private static final double QUANTIZED_TOLERANCE = 3e-2; // of the same, where products take x in 8 bits
  private static final TestModel AWKWARD = TestModel.awkward(DType.F16);
  private static final TestModel MIXED = TestModel.mixed();

  /** A new backend. */
  protected abstract Backend backend(BackendOptions options);

  /** Options of a backend with default settings. */
  protected BackendOptions options() {
    return new BackendOptions(Device.CPU, 1);
  }

  /** Whether heads give logits. False where they never leave the device: its heads then choose every token. */
  protected boolean givesLogits() {
    return true;
  }

  protected static Stream<TestModel> models() {
    return Stream.concat(
        Fixtures.all().map(TestModel::open),
        Stream.of(AWKWARD, TestModel.awkward(DType.F32), TestModel.awkward(DType.BF16), MIXED));
  }

  /** A backend of several threads, if it has any, with blocks of few positions. */
  private Backend spread(int threads, int blockPositions) {
    return backend(spread(threads, options().kv().inBlocksOf(blockPositions)));
  }

  private BackendOptions spread(int threads, KvOptions kv) {
    return new BackendOptions(options().device(), threads, kv, false);
  }

  @ParameterizedTest
  @MethodSource("models")
  void shouldGiveARowTheSameBitsAloneAndBesideAnyOtherRows(TestModel model) {
    requireTheSameBitsBesideAnyOtherRows(model, options().kv());
  }

  @Test
  void shouldGiveARowTheSameBitsBesideAnyOtherRowsWhereKeysAndValuesAreRounded() {
    requireTheSameBitsBesideAnyOtherRows(
        TestModel.open(Fixtures.BUNDLED), options().kv().withType(KvType.Q8_0));
  }

  private void requireTheSameBitsBesideAnyOtherRows(TestModel model, KvOptions kv) {
    float[] alone;
    try (Backend backend = backend(spread(1, kv))) {
      alone = inChunks(model.on(backend), 1, List.of());
    }
    List<BackendOptions> layouts = List.of(spread(1, kv.inBlocksOf(3)), spread(2, kv.inBlocksOf(64)),
        spread(3, kv.inBlocksOf(1)), spread(2, kv.inBlocksOf(16)));
    for (int i = 0; i < layouts.size(); i++) {
      try (Backend backend = backend(layouts.get(i))) {
        Running running = model.on(backend);
        assertThat(inChunks(running, i % 2 == 0 ? CHUNKS[i] : LENGTH, List.of())).isEqualTo(alone);
        Session before = running.session(2, LENGTH * 3);
        Session behind = running.session(3, LENGTH * 3);
        assertThat(inChunks(running, CHUNKS[i + 1], List.of(before, behind))).isEqualTo(alone);
      }
    }
  }

  /** States of session 1, run in chunks; rows of the sessions in {@code company} go before and behind. */
  protected static float[] inChunks(Running running, int chunk, List<Session> company) {
    Session session = running.session(1, LENGTH);
    int width = running.model().config().hiddenSize();
    float[] all = new float[LENGTH * width];
    for (int first = 0; first < LENGTH; first += chunk) {
      int rows = Math.min(chunk, LENGTH - first);
      int others = 1 + chunk % 3;
      Tensor states = company.isEmpty()
          ? running.step(List.of(session), rows)
          : running.step(List.of(company.get(0), session, company.get(1)), others, rows, others);
      float[] part = running.floats(states, company.isEmpty() ? 0 : others, rows);
      System.arraycopy(part, 0, all, first * width, part.length);
    }
    session.cache().close();
    return all;
  }

  /** The plain backend that all others are compared with. */
  private static Backend reference() {
    return new ScalarBackendProvider().create(new BackendOptions(Device.CPU, 1));
  }

  @ParameterizedTest
  @MethodSource("models")
  void shouldGiveTheLogitsOfARowTheSameBitsWhateverElseIsAsked(TestModel model) {
    assumeTrue(givesLogits(), "logits never leave this device");
    try (Backend one = backend(options()); Backend three = spread(3, 64)) {
      Running alone = model.on(one);
      Running together = model.on(three);
      Tensor states = alone.step(List.of(alone.session(1, 17)), 17);
      Tensor same = TestModel.loaded(
          three, TestModel.stored(one, states, 0, 9), TestModel.stored(one, states, 9, 8));
      int[] rows = {16, 3, 3, 0, 11};
      float[][] logits = together.logits(same, rows);
      for (int i = 0; i < rows.length; i++) {
        assertThat(logits[i]).isEqualTo(alone.logits(states, rows[i])[0]);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("models")
  void shouldChooseTheSameTokensWhateverElseIsAsked(TestModel model) {
    try (Backend one = backend(options()); Backend three = spread(3, 64)) {
      Running running = model.on(one);
      Tensor states = running.step(List.of(running.session(1, 17)), 17);
      Tensor same = TestModel.loaded(three, TestModel.stored(one, states, 0, 17));
      for (SamplingParams sampling : List.of(SamplingParams.GREEDY, SamplingParams.sampled(0.9, 7))) {
        int[] together = model.choices(three, same, sampling, 16, 3, 3, 0, 11);
        for (int i = 0; i < 5; i++) {
          int row = new int[] {16, 3, 3, 0, 11}[i];
          assertThat(together[i]).isEqualTo(model.choices(one, states, sampling, row)[0]);
        }
      }
    }
  }

  /** A head that chooses draws what the sampler would draw from its logits, with the noise of the position. */
  @ParameterizedTest
  @MethodSource("models")
  void shouldChooseWhatTheSamplerDraws(TestModel model) {
    try (Backend backend = backend(options()); Backend reference = reference()) {
      Running running = model.on(backend);
      Tensor states = running.step(List.of(running.session(1, 9)), 9);
      Backend exact = givesLogits() ? backend : reference;
      assumeTrue(exact.arithmetic().equals(backend.arithmetic()), "nothing here knows this device's logits");
      Tensor known = TestModel.loaded(exact, TestModel.stored(backend, states, 0, 9));
      int[] rows = IntStream.range(0, 9).toArray();
      float[][] logits = model.logits(exact, known, rows);
      Head head = model.head(backend);
      for (SamplingParams sampling : samplings()) {
        if (head.chooses(sampling)) {
          assertThat(model.choices(backend, states, sampling, rows)).isEqualTo(model.drawn(logits, sampling, rows));
        } else {
          LogitRows asked = new LogitRows(model.config().vocabSize()).choose(0, 1, sampling, 1, new int[1]);
          assertThatThrownBy(() -> head.logits(states, asked)).isInstanceOf(IllegalStateException.class);
        }
      }
    }
  }

  private static List<SamplingParams> samplings() {
    return List.of(
        SamplingParams.GREEDY,
        SamplingParams.sampled(0.8, 5),
        new SamplingParams(1.3, 20, 1, 11, AcceptanceRule.SHARED_NOISE),
        new SamplingParams(0.7, 0, 0.9, 12, AcceptanceRule.SHARED_NOISE),
        SamplingParams.sampled(0.8, 5).with(AcceptanceRule.SPECULATIVE_SAMPLING));
  }

  @ParameterizedTest
  @MethodSource("models")
  void shouldForgetWhatIsTruncated(TestModel model) {
    try (Backend backend = spread(2, 3)) {
      Running running = model.on(backend);
      Session straight = running.session(1, 20);
      float[] expected = running.floats(running.step(List.of(straight), 20), 8, 12);
      Session other = new Session(straight.ids().slice(0, 8).concat(model.ids(5, 12)), running.stack().newCache());
      running.step(List.of(other), 20);
      other.cache().truncate(8);
      Session resumed = new Session(straight.ids(), other.cache());
      assertThat(running.floats(running.step(List.of(resumed), 12), 0, 12)).isEqualTo(expected);
      assertThat(other.cache().length()).isEqualTo(20);
    }
  }

  @ParameterizedTest
  @MethodSource("models")
  void shouldGiveTheSameBitsWhenLayersAreSplitBetweenTwoBackends(TestModel model) {
    int layers = model.config().numLayers();
    int exit = model.config().defaultExitLayer();
    try (Backend draft = spread(1, 64); Backend verify = spread(2, 16)) {
      Running whole = model.on(draft);
      float[] expected = whole.floats(whole.step(List.of(whole.session(1, 9)), 9), 0, 9);
      LayerStack early = model.stack(draft, LayerPlan.until(exit));
      LayerStack late = model.stack(verify, LayerPlan.from(exit, layers));
      Tensor states = model.embed(draft, model.ids(1, 9));
      early.run(Batch.of(early.newCache(), 0, 9), states);
      HiddenRows exitStates = TestModel.stored(draft, states, 0, 9);
      Tensor received = TestModel.loaded(verify, exitStates);
      late.run(Batch.of(late.newCache(), 0, 9), received);
      assertThat(TestModel.floats(TestModel.stored(verify, received, 0, 9))).isEqualTo(expected);
      assertThat(TestModel.floats(exitStates)).isNotEqualTo(expected);
    }
  }

  @Test
  void shouldSkipTheBlocksThatAPlanSkips() {
    LayerPlan skipping = LayerPlan.all(3).skipping(Set.of(0), Set.of(2));
    List<LayerWeights> silenced = new ArrayList<>(AWKWARD.layers());
    LayerWeights first = silenced.get(0);
    LayerWeights last = silenced.get(2);
    silenced.set(0, new LayerWeights(first.inputNorm(), first.q(), first.k(), first.v(), zeros(first.o()),
        first.postNorm(), first.gate(), first.up(), first.down()));
    silenced.set(2, new LayerWeights(last.inputNorm(), last.q(), last.k(), last.v(), last.o(),
        last.postNorm(), last.gate(), last.up(), zeros(last.down())));
    try (Backend backend = spread(1, 64)) {
      LayerStack skips = AWKWARD.stack(backend, skipping);
      LayerStack silent = backend.prepare(AWKWARD.config(), LayerPlan.all(3), silenced, _ -> {});
      assertThat(states(backend, skips, AWKWARD)).isEqualTo(states(backend, silent, AWKWARD));
    }
  }

  private static TensorView zeros(TensorView like) {
    return Weight.of(like.dtype(), new float[like.rows() * like.columns()], like.shape());
  }

  private static float[] states(Backend backend, LayerStack stack, TestModel model) {
    Tensor states = model.embed(backend, model.ids(1, 7));
    stack.run(Batch.of(stack.newCache(), 0, 7), states);
    return TestModel.floats(TestModel.stored(backend, states, 0, 7));
  }

  @ParameterizedTest
  @MethodSource("models")
  void shouldAgreeWithTheScalarBackend(TestModel model) {
    try (Backend backend = backend(options());
        Backend scalar = reference()) {
      float[] actual = inChunks(model.on(backend), 8, List.of());
      double tolerance = model == MIXED ? QUANTIZED_TOLERANCE : GOLDEN_TOLERANCE;
      assertClose(actual, inChunks(model.on(scalar), 8, List.of()), tolerance, model.name());
    }
  }

  @ParameterizedTest
  @MethodSource("dev.layermesh.engine.checkpoint.Fixtures#all")
  void shouldAgreeWithTransformersAfterEveryLayerAndAtEveryExit(Path folder) {
    Golden golden = Golden.read(folder);
    try (Checkpoint checkpoint = Checkpoint.open(folder); Backend backend = spread(2, 16)) {
      TestModel model = TestModel.of(checkpoint);
      for (int i = 0; i < golden.cases().size(); i++) {
        Golden.Case each = golden.cases().get(i);
        int rows = each.prompt().length();
        Tensor states = model.embed(backend, each.prompt());
        for (int layer = 0; layer < model.config().numLayers(); layer++) {
          LayerStack stack = model.stack(backend, LayerPlan.from(layer, layer + 1));
          stack.run(Batch.of(stack.newCache(), 0, rows), states);
          int[] all = IntStream.range(0, rows).toArray();
          if (i == 0 && !golden.tensors().isEmpty()) {
            assertGolden(TestModel.floats(TestModel.stored(backend, states, 0, rows)), golden, "hidden." + layer);
            if (givesLogits()) {
              assertGolden(flat(model.logits(backend, states, all)), golden, "exit_logits." + layer);
            }
          }
          assertThat(Arrays.stream(model.choices(backend, states, SamplingParams.GREEDY, all)).boxed().toList())
              .as("case %d, exit %d", i, layer + 1).isEqualTo(each.exitArgmax().get(layer));
        }
      }
    }
  }

  @Test
  void shouldTellHowFarLoadingHasCome() {
    try (Checkpoint checkpoint = Checkpoint.open(Fixtures.BUNDLED); Backend backend = spread(2, 16)) {
      Weights weights = checkpoint.weights(Slice.whole(checkpoint.config().numLayers()));
      List<Long> steps = new ArrayList<>();
      Transformer.prepare(checkpoint.config(), weights, backend, (done, total) -> {
        assertThat(total).isEqualTo(weights.preparedBytes());
        steps.add(done);
      });
      assertThat(steps).isSorted().doesNotHaveDuplicates().hasSizeGreaterThan(8).endsWith(weights.preparedBytes());
    }
  }

  private static float[] flat(float[][] rows) {
    float[] all = new float[rows.length * rows[0].length];
    for (int t = 0; t < rows.length; t++) {
      System.arraycopy(rows[t], 0, all, t * rows[t].length, rows[t].length);
    }
    return all;
  }

  private static void assertGolden(float[] actual, Golden golden, String name) {
    assertClose(actual, golden.tensors().get(name), GOLDEN_TOLERANCE, name);
  }

  private static void assertClose(float[] actual, float[] expected, double tolerance, String name) {
    assertThat(actual).as(name).hasSameSizeAs(expected);
    double largest = 0;
    double error = 0;
    for (int i = 0; i < actual.length; i++) {
      largest = Math.max(largest, Math.abs(expected[i]));
      error = Math.max(error, Math.abs((double) actual[i] - expected[i]));
    }
    assertThat(error).as("%s: largest difference, of %s", name, largest).isLessThanOrEqualTo(tolerance * largest);
  }

  @Test
  void shouldKeepStoredRowsWhenTheTensorRunsOn() {
    try (Backend backend = spread(1, 64)) {
      Running running = AWKWARD.on(backend);
      Session session = running.session(1, 6);
      Tensor states = running.step(List.of(session), 6);
      HiddenRows stored = TestModel.stored(backend, states, 2, 3);
      float[] before = TestModel.floats(stored);
      session.cache().truncate(0);
      running.stack().run(Batch.of(session.cache(), 0, 6), states);
      assertThat(TestModel.floats(stored)).isEqualTo(before);
      assertThat(running.floats(TestModel.loaded(backend, stored, stored), 3, 3)).isEqualTo(before);
    }
  }

  @Test
  void shouldStoreIntoASliceOfRoomAndIntoNoOtherRowOfIt() {
    try (Backend backend = spread(1, 64)) {
      Running running = AWKWARD.on(backend);
      Tensor states = running.step(List.of(running.session(1, 6)), 6);
      float[] expected = running.floats(states, 2, 3);
      HiddenRows room = backend.room(8, states.width());
      backend.store(states, 2, room.slice(1, 5).slice(1, 4));
      backend.finish();
      assertThat(TestModel.floats(room.slice(2, 5))).isEqualTo(expected);
      assertThat(TestModel.floats(room.slice(0, 2))).containsOnly(0);
      assertThat(TestModel.floats(room.slice(5, 8))).containsOnly(0);
    }
  }

  @Test
  void shouldRefuseABatchThatDoesNotContinueItsCaches() {
    try (Backend backend = spread(1, 64)) {
      Running running = AWKWARD.on(backend);
      Session session = running.session(1, 301);
      running.step(List.of(session), 5);
      assertRefused(running, 3, "3 rows from position 4, cache holds 5", Batch.of(session.cache(), 4, 3));
      assertRefused(running, 296, "cache holds 5, the model 300", Batch.of(session.cache(), 5, 296));
      Batch twice = Batch.of(session.cache(), 5, 1).add(session.cache(), 5, 1);
      assertRefused(running, 2, "twice", twice);
      assertRefused(running, 1, "another stack's", Batch.of(AWKWARD.on(backend).stack().newCache(), 0, 1));
      KvCache closed = running.stack().newCache();
      closed.close();
      closed.close();
      assertRefused(running, 1, "closed", Batch.of(closed, 0, 1));
      assertThat(session.cache().length()).isEqualTo(5);
      assertThatThrownBy(() -> session.cache().truncate(6)).hasMessageContaining("truncate to 6, cache holds 5");
    }
  }

  private static void assertRefused(Running running, int rows, String message, Batch batch) {
    Tensor states = AWKWARD.embed(running.backend(), AWKWARD.ids(1, rows));
    assertThatThrownBy(() -> running.stack().run(batch, states))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining(message);
  }

  @Test
  void shouldRefuseATokenOutsideTheVocabulary() {
    try (Backend backend = spread(1, 64)) {
      assertThatThrownBy(() -> AWKWARD.embed(backend, TokenIds.of(131)))
          .hasMessageContaining("131 in a vocabulary of 131");
    }
  }

  @Test
  void shouldRunNothingWhenClosed() {
    Backend backend = spread(3, 64);
    Running running = AWKWARD.on(backend);
    running.step(List.of(running.session(1, 2)), 2);
    backend.close();
    backend.close();
    assertThatThrownBy(() -> running.step(List.of(running.session(1, 2)), 2)).hasMessageContaining("closed");
  }
}
