package dev.layermesh.engine.lane;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.layermesh.decoding.HiddenRows;
import dev.layermesh.decoding.SamplingParams;
import dev.layermesh.decoding.TokenIds;
import dev.layermesh.engine.Transformer;
import dev.layermesh.engine.backend.Backend;
import dev.layermesh.engine.backend.BackendOptions;
import dev.layermesh.engine.backend.Backends;
import dev.layermesh.engine.backend.Device;
import dev.layermesh.engine.checkpoint.Checkpoint;
import dev.layermesh.engine.checkpoint.Slice;
import dev.layermesh.engine.kv.KvOptions;
import dev.layermesh.testkit.Fixtures;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Checks what each batch of a lane holds: the test's thread runs one batch at a time and sets the clock. */
@Timeout(60)
class CrankedLaneTest {
  private static final Optional<SamplingParams> GREEDY = Optional.of(SamplingParams.GREEDY);
  private static final Optional<SamplingParams> NOTHING = Optional.empty();
  private static final int BLOCK = 16; // positions
  private static final int MAX_ROWS = 8;
  private static final int EXIT = 2;
  private static final long PATIENCE_NANOS = 200_000_000; // of a lane whose steps take no time

  private Checkpoint checkpoint;
  private Backend backend;
  private InferenceLane lane; // stage 0: layers [0, EXIT), stage 1: layers [EXIT, L)
  private long now = -1000; // as System.nanoTime may be

  @BeforeEach
  void open() {
    open(1000);
  }

  /** Opens the lane with so many blocks for each stage. */
  private void open(int blocks) {
    checkpoint = Checkpoint.open(Fixtures.tinyLlama2());
    var config = checkpoint.config();
    long block = 2L * config.numKvHeads() * config.headDim() * BLOCK * Float.BYTES;
    var kv = new KvOptions(blocks * block, BLOCK, true);
    backend = Backends.open(new BackendOptions(Device.CPU, 1, kv, false), "scalar");
    List<Transformer> stages = Stream.of(Slice.draft(EXIT), Slice.verify(EXIT, config.numLayers()))
        .map(slice -> Transformer.prepare(config, checkpoint.weights(slice), backend, (_, _) -> {}))
        .toList();
    lane = new InferenceLane(stages, MAX_ROWS, () -> now);
  }

  private void reopen(int blocks) {
    close();
    open(blocks);
  }

  @AfterEach
  void close() {
    lane.close();
    backend.close();
    checkpoint.close();
  }

  private static TokenIds tokens(int count) {
    return TokenIds.of(IntStream.range(2, 2 + count).toArray());
  }

  private static Order.Run prefill(LaneSession session, int first, int rows) {
    return submit(session, first, tokens(rows), NOTHING);
  }

  private static Order.Run decode(LaneSession session, int first) {
    return submit(session, first, TokenIds.of(3), GREEDY);
  }

  private static Order.Run submit(LaneSession session, int first, TokenIds ids, Optional<SamplingParams> ask) {
    return session.submit(first, new Step.Input.Tokens(ids), List.of(), ask);
  }

  /** Runs one batch and requires that these steps were answered by it, and no other of {@code all}. */
  private void assertNextBatchAnswers(List<Order.Run> all, Order.Run... expected) {
    List<Order.Run> waiting = all.stream().filter(each -> !each.result().isDone()).toList();
    assertThat(lane.runOnce()).isTrue();
    assertThat(waiting.stream().filter(each -> each.result().isDone())).containsExactly(expected);
  }

  private static void assertRan(LaneSession session, Order.Run run) throws InterruptedException {
    assertThat(session.await(run, NOTHING)).isInstanceOf(StepResult.Done.class);
  }

  private static void assertRefused(LaneSession session, Order.Run run, StepResult why) throws InterruptedException {
    assertThat(session.await(run, NOTHING)).isEqualTo(why);
  }

  @Test
  void shouldDoNothingWithoutAStep() {
    assertThat(lane.runOnce()).isFalse();
    lane.open().close();
    assertThat(lane.runOnce()).isFalse();
    assertThat(lane.stats().steps()).isZero();
  }

  @Test
  void shouldRunAllWaitingSessionsInOneStep() throws InterruptedException {
    List<LaneSession> sessions = IntStream.range(0, 4).mapToObj(_ -> lane.open()).toList();
    List<Order.Run> steps = sessions.stream().map(each -> decode(each, 0)).toList();
    assertNextBatchAnswers(steps, steps.toArray(Order.Run[]::new));
    assertThat(lane.stats()).isEqualTo(new LaneStats(1, 4, 1, 4));
    assertRan(sessions.getFirst(), steps.getFirst());
    assertThat(sessions.getFirst().rowsRun()).isEqualTo(1);
  }

  @Test
  void shouldDecodeBeforeItPrefillsAndTakeTheStepsOfAKindInOrder() {
    Order.Run prompt = prefill(lane.open(), 0, 4);
    Order.Run next = prefill(lane.open(), 0, 4);
    Order.Run token = decode(lane.open(), 0);
    Order.Run drafted = submit(lane.open(), 0, TokenIds.of(3), NOTHING); // a single row decodes
    var all = List.of(prompt, next, token, drafted);
    assertNextBatchAnswers(all, prompt, token, drafted);
    assertThat(lane.stats().rows()).isEqualTo(4 + 1 + 1);
    assertNextBatchAnswers(all, next);
  }

  @Test
  void shouldTakeOnePartOfAPromptBeyondAFullBatchOfDecodingSessions() {
    Order.Run part = prefill(lane.open(), 0, MAX_ROWS / 2);
    Order.Run other = prefill(lane.open(), 0, MAX_ROWS / 2);
    List<Order.Run> tokens = IntStream.range(0, MAX_ROWS).mapToObj(_ -> decode(lane.open(), 0)).toList();
    Order.Run oneMore = decode(lane.open(), 0);
    var all = Stream.concat(tokens.stream(), Stream.of(oneMore, part, other)).toList();
    assertNextBatchAnswers(all, Stream.concat(tokens.stream(), Stream.of(part)).toArray(Order.Run[]::new));
    assertNextBatchAnswers(all, oneMore, other);
    assertThat(lane.stats()).isEqualTo(new LaneStats(2, MAX_ROWS + 4 + 1 + 4, 2, MAX_ROWS + 1));
  }

  @Test
  void shouldRunTheStageThatMostSessionsWaitForAndTheFirstOfEquals() {
    Order.Run draft = decode(lane.open(0), 0);
    Order.Run verify = verify(lane.open(1));
    Order.Run another = verify(lane.open(1));
    var all = List.of(draft, verify, another);
    assertNextBatchAnswers(all, verify, another);
    Order.Run late = verify(lane.open(1));
    assertNextBatchAnswers(List.of(draft, late), draft);
    assertNextBatchAnswers(List.of(draft, late), late);
    assertThat(lane.stats(0).steps()).isEqualTo(1);
    assertThat(lane.stats(1).steps()).isEqualTo(2);
  }

  /** One row of an exit state, judged at stage 1. */
  private Order.Run verify(LaneSession session) {
    int width = checkpoint.config().hiddenSize();
    var bytes = MemorySegment.ofArray(new byte[width * Float.BYTES]);
    var rows = new HiddenRows.Host(1, width, HiddenRows.Type.F32, bytes);
    return session.submit(0, new Step.Input.States(rows), List.of(), GREEDY);
  }

  @Test
  void shouldGiveAYoungerSessionsBlocksToAnOlderOneAndRunTheYoungerAgainLater() throws InterruptedException {
    reopen(4);
    LaneSession old = lane.open();
    LaneSession young = lane.open();
    Order.Run first = decode(old, 0);
    Order.Run threeBlocks = prefill(young, 0, 3 * BLOCK);
    lane.runOnce();
    lane.runOnce();
    assertRan(old, first);
    assertRan(young, threeBlocks);
    Order.Run second = prefill(old, 1, BLOCK);
    lane.runOnce();
    assertRan(old, second);
    assertThat(lane.memory(0).preempted()).isEqualTo(1);
    Order.Run goesOn = decode(young, 3 * BLOCK);
    lane.runOnce();
    assertRefused(young, goesOn, new StepResult.Preempted(0));
    Order.Run again = prefill(young, 0, 3 * BLOCK);
    lane.runOnce();
    assertRefused(young, again, new StepResult.NoRoom());
    old.close();
    again = prefill(young, 0, 3 * BLOCK);
    lane.runOnce();
    assertRan(young, again);
    assertThat(young.rowsRun()).isEqualTo(2 * 3 * BLOCK);
  }

  @Test
  void shouldRunAStepFirstWhoseBlocksTheBatchBeforeWasUsing() throws InterruptedException {
    reopen(4);
    LaneSession old = lane.open();
    LaneSession young = lane.open();
    LaneSession other = lane.open();
    Order.Run block = prefill(old, 0, BLOCK);
    Order.Run threeBlocks = prefill(young, 0, 3 * BLOCK);
    lane.runOnce();
    lane.runOnce();
    assertRan(old, block);
    assertRan(young, threeBlocks);
    Order.Run token = decode(young, 3 * BLOCK - 1);
    Order.Run needsABlock = decode(old, BLOCK);
    assertNextBatchAnswers(List.of(token, needsABlock), token);
    Order.Run starts = decode(other, 0); // finds room only behind the older session, which preempts the young one
    Order.Run victim = decode(young, 3 * BLOCK);
    assertNextBatchAnswers(List.of(needsABlock, starts, victim), needsABlock, starts, victim);
    assertRan(old, needsABlock);
    assertRan(other, starts);
    assertRefused(young, victim, new StepResult.Preempted(0));
  }

  @Test
  void shouldPreemptAnOlderSessionThatIsIdleForAsLongAsAYoungerOneWaits() throws InterruptedException {
    reopen(4);
    LaneSession old = lane.open();
    LaneSession young = lane.open();
    Order.Run held = prefill(old, 0, 3 * BLOCK);
    lane.runOnce();
    assertRan(old, held);
    for (long waited = 0; waited <= PATIENCE_NANOS; waited += PATIENCE_NANOS / 2) {
      Order.Run refused = prefill(young, 0, 2 * BLOCK);
      lane.runOnce();
      assertRefused(young, refused, new StepResult.NoRoom());
      now += waited < PATIENCE_NANOS ? PATIENCE_NANOS / 2 : 1;
    }
    Order.Run admitted = prefill(young, 0, 2 * BLOCK);
    lane.runOnce();
    assertRan(young, admitted);
    Order.Run told = decode(old, 3 * BLOCK);
    lane.runOnce();
    assertRefused(old, told, new StepResult.Preempted(0));
    assertThat(lane.memory(0)).satisfies(memory -> {
      assertThat(memory.refused()).isEqualTo(3);
      assertThat(memory.preempted()).isEqualTo(1);
    });
  }

  @Test
  void shouldFailTheStepThatIsWrongAndRunTheOthersOfItsBatch() throws InterruptedException {
    LaneSession good = lane.open();
    LaneSession bad = lane.open();
    Order.Run wrong = submit(bad, 0, TokenIds.of(1 << 30), GREEDY); // no token of the vocabulary
    Order.Run fine = decode(good, 0);
    assertNextBatchAnswers(List.of(wrong, fine), wrong, fine);
    assertRan(good, fine);
    assertThatThrownBy(() -> bad.await(wrong, GREEDY)).hasMessageContaining("rows from position 0 failed");
  }

  @Test
  void shouldFailStepsThatWaitWhenItCloses() {
    LaneSession session = lane.open();
    Order.Run waiting = decode(session, 0);
    lane.close();
    assertThatThrownBy(() -> session.await(waiting, GREEDY)).hasMessageContaining("closed");
    assertThatThrownBy(() -> session.run(0, tokens(1), List.of(), GREEDY)).hasMessageContaining("closed");
    assertThat(lane.runOnce()).isFalse();
  }
}
