package dev.layermesh.engine.lane;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.layermesh.decoding.Distribution;
import dev.layermesh.decoding.SamplingParams;
import dev.layermesh.decoding.TokenIds;
import dev.layermesh.engine.Transformer;
import dev.layermesh.engine.backend.Backend;
import dev.layermesh.engine.backend.Backends;
import dev.layermesh.engine.checkpoint.Checkpoint;
import dev.layermesh.engine.checkpoint.Slice;
import dev.layermesh.testkit.Await;
import dev.layermesh.testkit.Fixtures;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Sessions that share a device; {@link CrankedLaneTest} says which steps each batch holds. */
@Timeout(value = 1, unit = TimeUnit.MINUTES)
class InferenceLaneTest {
  private static final TokenIds PROMPT = TokenIds.of(IntStream.range(2, 52).toArray());
  private static final Optional<SamplingParams> GREEDY = Optional.of(SamplingParams.GREEDY);

  private Checkpoint checkpoint;
  private Backend backend;
  private InferenceLane lane;

  @BeforeEach
  void open() {
    checkpoint = Checkpoint.open(Fixtures.tinyLlama2());
    backend = Backends.open("cpu", "scalar", 1);
    Slice whole = Slice.whole(checkpoint.config().numLayers());
    var transformer =
        Transformer.prepare(checkpoint.config(), checkpoint.weights(whole), backend, (done, total) -> {});
    lane = InferenceLane.start("test", List.of(transformer), 32);
  }

  @AfterEach
  void close() {
    lane.close();
    backend.close();
    checkpoint.close();
  }

  /** Tokens that follow the prompt, one step each. */
  private List<Integer> decode(LaneSession session, int tokens) throws InterruptedException {
    int last = PROMPT.length() - 1;
    extend(session, PROMPT.slice(0, last));
    var said = new ArrayList<>(List.of(PROMPT.id(last)));
    for (int i = 0; i < tokens; i++) {
      var ran = (StepResult.Done) session.run(last + i, TokenIds.of(said.getLast()), List.of(), GREEDY);
      Distribution next = ran.next().getFirst();
      said.add(next.id(0));
    }
    return said;
  }

  private static void extend(LaneSession session, TokenIds ids) throws InterruptedException {
    for (int from = 0; from < ids.length(); from += session.partRows()) {
      TokenIds part = ids.slice(from, Math.min(ids.length(), from + session.partRows()));
      assertThat(session.run(from, part, List.of(), Optional.empty())).isInstanceOf(StepResult.Done.class);
    }
  }

  @Test
  void shouldPrefillALongPromptWhileOthersNeverStopDecoding() throws Exception {
    var done = new AtomicBoolean();
    var rounds = new AtomicInteger();
    try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
      for (int i = 0; i < 4; i++) {
        threads.submit(() -> {
          while (!done.get()) {
            try (LaneSession session = lane.open()) {
              decode(session, 200);
              rounds.incrementAndGet();
            }
          }
          return null;
        });
      }
      Await.until("others decode", Duration.ofSeconds(30), () -> lane.stats().decodeSteps() > 20);
      try (LaneSession session = lane.open()) {
        TokenIds prompt = TokenIds.of(IntStream.range(0, 400).map(i -> i % 1000).toArray());
        extend(session, prompt);
        assertThat(session.rowsRun()).isEqualTo(400);
      } finally {
        done.set(true);
      }
    }
    assertThat(rounds.get()).as("rounds of the other sessions during the prefill").isPositive();
  }

  @Test
  void shouldGiveEverySessionTheTokensItGetsAlone() throws Exception {
    List<Integer> alone;
    try (LaneSession session = lane.open()) {
      alone = decode(session, 30);
    }
    try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
      var together = IntStream.range(0, 6).mapToObj(i -> threads.submit(() -> {
        try (LaneSession session = lane.open()) {
          return decode(session, 30);
        }
      })).toList();
      for (var each : together) {
        assertThat(each.get()).isEqualTo(alone);
      }
    }
    assertThat(lane.stats().meanDecodeRows()).isGreaterThan(1.5);
  }

  @Test
  void shouldLetOneSessionsFailureBeItsOwn() throws Exception {
    try (LaneSession good = lane.open();
        LaneSession bad = lane.open();
        var threads = Executors.newVirtualThreadPerTaskExecutor()) {
      var fine = threads.submit(() -> decode(good, 40));
      for (int i = 0; i < 20; i++) {
        assertThatThrownBy(() -> bad.run(7, TokenIds.of(3), List.of(), GREEDY)).hasMessageContaining("cache at 0");
      }
      assertThat(fine.get()).hasSize(41);
    }
  }

  @Test
  void shouldRefuseWorkOfAClosedSessionAndOfAClosedLane() {
    LaneSession session = lane.open();
    session.close();
    assertThatThrownBy(() -> session.run(0, TokenIds.of(3), List.of(), GREEDY)).hasMessageContaining("closed");
    LaneSession other = lane.open();
    lane.close();
    var late = CompletableFuture.runAsync(() -> {
      try {
        other.run(0, TokenIds.of(3), List.of(), GREEDY);
      } catch (InterruptedException interrupted) {
        Thread.currentThread().interrupt();
      }
    });
    assertThatThrownBy(() -> late.get(10, TimeUnit.SECONDS)).hasMessageContaining("closed");
  }

  @Test
  void shouldFailEveryStepThatWaitsWhenItCloses() throws Exception {
    try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
      var sessions = IntStream.range(0, 8).mapToObj(i -> threads.submit(() -> {
        while (true) {
          try (LaneSession session = lane.open()) {
            decode(session, 200);
          }
        }
      })).toList();
      Await.until("they decode", Duration.ofSeconds(30), () -> lane.stats().decodeSteps() > 20);
      lane.close();
      for (var each : sessions) {
        assertThatThrownBy(() -> each.get(10, TimeUnit.SECONDS)).hasMessageContaining("closed");
      }
    }
  }
}
