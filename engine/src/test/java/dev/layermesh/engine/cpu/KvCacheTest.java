package dev.layermesh.engine.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.layermesh.decoding.HiddenRows;
import dev.layermesh.decoding.InputException;
import dev.layermesh.decoding.TokenIds;
import dev.layermesh.engine.backend.Backend;
import dev.layermesh.engine.backend.BackendOptions;
import dev.layermesh.engine.backend.Batch;
import dev.layermesh.engine.backend.Device;
import dev.layermesh.engine.backend.LayerStack;
import dev.layermesh.engine.backend.Tensor;
import dev.layermesh.engine.backend.TestModel;
import dev.layermesh.engine.checkpoint.Checkpoint;
import dev.layermesh.engine.checkpoint.Slice;
import dev.layermesh.engine.checkpoint.Weights;
import dev.layermesh.engine.cpu.kernels.KvShape;
import dev.layermesh.engine.cpu.kernels.ScalarKernels;
import dev.layermesh.engine.cpu.kernels.StoredFloats;
import dev.layermesh.engine.kv.KvCache;
import dev.layermesh.engine.kv.KvOptions;
import dev.layermesh.engine.kv.KvStats;
import dev.layermesh.engine.kv.KvType;
import dev.layermesh.testkit.Fixtures;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A row gets the same bits from shared blocks of keys and values as from blocks of its own session. */
@Timeout(60)
class KvCacheTest {
  private static final int BLOCK = 4; // positions
  private static final TokenIds IDS = TokenIds.of(5, 9, 2, 7, 1, 8, 3, 6, 4, 11, 13, 12);

  private final Checkpoint checkpoint = Checkpoint.open(Fixtures.tinyLlama2());
  private final Weights weights = checkpoint.weights(Slice.whole(checkpoint.config().numLayers()));
  private final List<Backend> backends = new ArrayList<>();
  private Backend backend;
  private LayerStack stack;
  private LayerStack plain; // with enough memory, and without sharing

  @BeforeEach
  void open() {
    plain = stack(1000, false);
    withBlocks(1000);
  }

  @AfterEach
  void close() {
    backends.forEach(Backend::close);
    checkpoint.close();
  }

  private void withBlocks(int blocks) {
    stack = stack(blocks, true);
  }

  private LayerStack stack(int blocks, boolean shares) {
    var config = checkpoint.config();
    var shape = new KvShape(KvType.F32, config.numLayers(), config.numKvHeads(), config.headDim(), BLOCK);
    var kv = new KvOptions(blocks * shape.bytes() / config.numLayers(), BLOCK, shares);
    backend = new CpuBackend(
        ScalarKernels::new, Matrices.STORED, CpuOptions.of(new BackendOptions(Device.CPU, 1, kv, false)));
    backends.add(backend);
    return backend.prepare(config, weights.slice().plan(), weights.layers(), _ -> {});
  }

  /** States after the last layer of ids that go behind what the cache holds. */
  private float[] run(LayerStack layers, KvCache cache, TokenIds ids) {
    return floats(states(layers, cache, ids));
  }

  private HiddenRows states(LayerStack layers, KvCache cache, TokenIds ids) {
    Tensor states = TestModel.of(checkpoint).embed(backend, ids);
    layers.run(Batch.of(cache, cache.length(), ids.length()), states);
    return TestModel.stored(backend, states, 0, ids.length());
  }

  private float[] run(KvCache cache, TokenIds ids) {
    return run(stack, cache, ids);
  }

  /** The last {@code rows} states of {@code ids}, computed from the first on. */
  private float[] expected(TokenIds ids, int rows) {
    try (KvCache cache = plain.newCache()) {
      float[] all = run(plain, cache, ids);
      int width = checkpoint.config().hiddenSize();
      return Arrays.copyOfRange(all, all.length - rows * width, all.length);
    }
  }

  private static float[] floats(HiddenRows rows) {
    return rows.bytes().toArray(StoredFloats.FLOAT);
  }

  private static void share(KvCache cache, TokenIds ids) {
    for (int block = 0; (block + 1) * BLOCK <= cache.length(); block++) {
      cache.share(block, ids.slice(block * BLOCK, (block + 1) * BLOCK), Optional.empty());
    }
  }

  private KvCache shared(TokenIds ids) {
    KvCache cache = stack.newCache();
    run(cache, ids);
    share(cache, ids);
    return cache;
  }

  private KvStats stats() {
    return stack.memory().stats();
  }

  @Test
  void shouldContinueWithTheSameBitsBehindHitBlocks() {
    shared(IDS.slice(0, 10)).close();
    KvCache second = stack.newCache();
    assertThat(second.hitPrefix(IDS).positions()).isEqualTo(8);
    assertThat(second.length()).isEqualTo(8);
    assertThat(run(second, IDS.slice(8, 12))).isEqualTo(expected(IDS, 4));
    assertThat(stats().hitPositions()).isEqualTo(8);
  }

  @Test
  void shouldHitTheBeginningOfABlockAndCopyItBeforeWriting() {
    KvCache first = shared(IDS.slice(0, 10));
    TokenIds other = IDS.slice(0, 6).concat(TokenIds.of(40, 41, 42));
    KvCache second = stack.newCache();
    assertThat(second.hitPrefix(other).positions()).isEqualTo(6);
    assertThat(run(second, other.slice(6, 9))).isEqualTo(expected(other, 3));
    assertThat(run(first, IDS.slice(10, 12))).isEqualTo(expected(IDS, 2));
    assertThat(stats().copied()).isEqualTo(1);
  }

  @Test
  void shouldHitInSmallStepsWhatItCouldHitAtOnce() {
    shared(IDS.slice(0, 4).concat(TokenIds.of(77, 78, 79, 80))).close();
    shared(IDS).close();
    KvCache cache = stack.newCache();
    for (int from = 0; from < 10; from += 2) {
      assertThat(cache.hitPrefix(IDS.slice(from, from + 2)).positions()).as("from %d", from).isEqualTo(2);
    }
    assertThat(run(cache, IDS.slice(10, 12))).isEqualTo(expected(IDS, 2));
  }

  @Test
  void shouldNotHitBehindRowsOfItsOwn() {
    shared(IDS).close();
    KvCache cache = stack.newCache();
    run(cache, IDS.slice(0, 4));
    assertThat(cache.hitPrefix(IDS.slice(4, 12)).positions()).isZero();
    cache.share(0, IDS.slice(0, 4), Optional.empty()); // already shared: the cache takes the other session's block
    assertThat(cache.hitPrefix(IDS.slice(4, 12)).positions()).isEqualTo(8);
  }

  @Test
  void shouldLeaveOthersTheirRowsWhenOneGoesBackIntoASharedBlock() {
    KvCache first = shared(IDS.slice(0, 8));
    KvCache second = stack.newCache();
    assertThat(second.hitPrefix(IDS).positions()).isEqualTo(8);
    first.truncate(2);
    TokenIds other = IDS.slice(0, 2).concat(TokenIds.of(50, 51, 52, 53, 54));
    assertThat(run(first, other.slice(2, 7))).isEqualTo(expected(other, 5));
    assertThat(run(second, IDS.slice(8, 12))).isEqualTo(expected(IDS, 4));
    KvCache third = stack.newCache();
    assertThat(third.hitPrefix(IDS).positions()).isEqualTo(8);
  }

  @Test
  void shouldHandOverTheStatesOfHitPositions() {
    KvCache first = stack.newCache();
    HiddenRows kept = states(stack, first, IDS.slice(0, 4));
    first.share(0, IDS.slice(0, 4), Optional.of(kept));
    KvCache second = stack.newCache();
    List<HiddenRows> one = second.hitPrefix(IDS.slice(0, 1)).states();
    List<HiddenRows> rest = second.hitPrefix(IDS.slice(1, 12)).states();
    assertThat(one).singleElement().satisfies(rows -> assertThat(floats(rows)).isEqualTo(floats(kept.slice(0, 1))));
    assertThat(rest).singleElement().satisfies(rows -> assertThat(floats(rows)).isEqualTo(floats(kept.slice(1, 4))));
  }

  @Test
  void shouldRefuseWithoutLosingWhatIsHeld() {
    withBlocks(3);
    KvCache first = stack.newCache();
    run(first, IDS.slice(0, 6));
    KvCache second = stack.newCache();
    assertThat(second.missing(8)).isEqualTo(2);
    assertThat(stack.memory().available()).isEqualTo(1);
    assertThat(second.reserve(8)).isFalse();
    assertThat(first.reserve(8)).isTrue();
    assertThat(run(first, IDS.slice(6, 8))).isEqualTo(expected(IDS.slice(0, 8), 2));
    assertThatThrownBy(() -> run(first, IDS.slice(8, 9))).hasMessageContaining("no room for 1 rows from position 8");
    second.close();
    assertThat(run(first, IDS.slice(8, 9))).isEqualTo(expected(IDS.slice(0, 9), 1));
  }

  @Test
  void shouldEvictTheEndsOfPrefixesFirstAndNothingThatIsUsed() {
    withBlocks(4);
    shared(IDS).close();
    assertThat(stats().kept()).isEqualTo(3);
    KvCache user = stack.newCache();
    assertThat(user.hitPrefix(IDS.slice(0, 4)).positions()).isEqualTo(4);
    KvCache greedy = stack.newCache();
    assertThat(greedy.reserve(4 * BLOCK)).isFalse();
    assertThat(greedy.blocks()).isEqualTo(3);
    assertThat(stats().evicted()).isEqualTo(2);
    greedy.close();
    assertThat(run(user, IDS.slice(4, 6))).isEqualTo(expected(IDS.slice(0, 6), 2));
  }

  @Test
  void shouldMakeASharedBlockItsOwnWhereThereIsNoRoomForACopy() {
    withBlocks(2);
    KvCache only = shared(IDS.slice(0, 8));
    only.truncate(2);
    TokenIds other = IDS.slice(0, 2).concat(TokenIds.of(60, 61, 62, 63, 64, 65));
    assertThat(only.missing(8)).isLessThanOrEqualTo(stack.memory().available());
    assertThat(run(only, other.slice(2, 8))).isEqualTo(expected(other, 6));
    only.close();
    assertThat(stack.memory().available()).isEqualTo(2);
  }

  @Test
  void shouldKeepABlockOnceThatTwoSessionsComputed() {
    KvCache first = shared(IDS.slice(0, 8));
    KvCache second = shared(IDS.slice(0, 8));
    assertThat(stats().used()).isEqualTo(2);
    first.close();
    assertThat(run(second, IDS.slice(8, 12))).isEqualTo(expected(IDS, 4));
  }

  @Test
  void shouldNotShareWhatHasBeenForgotten() {
    KvCache cache = stack.newCache();
    run(cache, IDS.slice(0, 8));
    cache.truncate(6);
    cache.share(0, IDS.slice(0, 4), Optional.empty());
    cache.share(1, IDS.slice(4, 8), Optional.empty());
    cache.close();
    assertThat(stats().kept()).isEqualTo(1);
  }

  @Test
  void shouldShareNothingWhereThatIsNotWanted() {
    try (KvCache cache = plain.newCache()) {
      run(plain, cache, IDS);
      share(cache, IDS);
    }
    assertThat(plain.memory().stats().kept()).isZero();
    assertThat(plain.newCache().hitPrefix(IDS).positions()).isZero();
  }

  @Test
  void shouldRefuseABudgetOfLessThanABlock() {
    assertThatThrownBy(() -> new KvOptions(0, BLOCK, true)).hasMessageContaining("--kv-memory=0: must be 1 byte");
    var tiny = new CpuOptions(1, BLOCK, 0, new KvOptions(100, BLOCK, true), false);
    try (Backend small = new CpuBackend(ScalarKernels::new, Matrices.STORED, tiny)) {
      var plan = weights.slice().plan();
      assertThatThrownBy(() -> small.prepare(checkpoint.config(), plan, weights.layers(), _ -> {}))
          .isInstanceOf(InputException.class)
          .hasMessageContaining("--kv-memory=" + 100 * checkpoint.config().numLayers() + ": keys and values of 4");
    }
  }

  /** Sessions of few different tokens, so that prefixes are equal; each does random things at random times. */
  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5, 6})
  void shouldNeverChangeABitWhateverSessionsDo(long seed) {
    withBlocks(14);
    var random = new Random(seed);
    List<KvCache> caches = new ArrayList<>();
    List<TokenIds> said = new ArrayList<>();
    int hits = 0;
    for (int i = 0; i < 600; i++) {
      if (caches.size() < 5) {
        caches.add(stack.newCache());
        said.add(TokenIds.empty());
      }
      int one = random.nextInt(caches.size());
      KvCache cache = caches.get(one);
      TokenIds more = TokenIds.of(random.ints(1 + random.nextInt(6), 0, 2).toArray());
      switch (random.nextInt(6)) {
        case 0 -> {
          int found = cache.hitPrefix(more).positions();
          said.set(one, said.get(one).concat(more.slice(0, found)));
          hits += found;
        }
        case 1 -> {
          cache.truncate(random.nextInt(cache.length() + 1));
          said.set(one, said.get(one).slice(0, cache.length()));
        }
        case 2 -> {
          cache.close();
          caches.remove(one);
          said.remove(one);
        }
        case 3 -> share(cache, said.get(one));
        default -> {
          if (cache.length() < 24 && cache.missing(cache.length() + more.length()) <= stack.memory().available()) {
            said.set(one, said.get(one).concat(more));
            assertThat(run(cache, more)).isEqualTo(expected(said.get(one), more.length()));
          }
        }
      }
    }
    assertThat(hits).isPositive();
    assertThat(stats().copied()).isPositive();
    assertThat(stats().evicted()).isPositive();
    caches.forEach(KvCache::close);
    assertThat(stats().used()).isZero();
    assertThat(stack.memory().available()).isEqualTo(14);
  }
}
