package dev.layermesh.gateway.mesh;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.layermesh.decoding.SamplingParams;
import dev.layermesh.decoding.SessionKey;
import dev.layermesh.decoding.SessionSpec;
import dev.layermesh.decoding.StopReason;
import dev.layermesh.decoding.StopRule;
import dev.layermesh.decoding.TokenIds;
import dev.layermesh.decoding.WindowPolicy;
import dev.layermesh.decoding.loop.DecodeStats;
import dev.layermesh.decoding.loop.Outcome;
import dev.layermesh.decoding.loop.Round;
import dev.layermesh.decoding.loop.SessionHost;
import dev.layermesh.decoding.loop.TokenSink;
import dev.layermesh.gateway.turn.SessionHosts.Choice;
import dev.layermesh.mesh.membership.Placement;
import dev.layermesh.mesh.membership.Registration;
import dev.layermesh.mesh.membership.Role;
import dev.layermesh.mesh.membership.WorkerAd;
import dev.layermesh.mesh.membership.Workers;
import dev.layermesh.mesh.transport.SessionLostException;
import dev.layermesh.mesh.wire.FailureCode;
import io.opentelemetry.api.trace.TracerProvider;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(20)
class SessionSupervisorTest {
  private final List<WorkerAd> ads = new ArrayList<>();
  private final List<Opened> opened = new ArrayList<>();
  private final Recorder received = new Recorder();
  private final ManualClock time = new ManualClock();
  private Runnable opening = () -> {};
  private final SessionSupervisor supervisor = new SessionSupervisor(
      (worker, credit, traceparent) -> (spec, sink) -> {
        opening.run();
        var session = new Opened(worker, spec, sink, traceparent, credit);
        opened.add(session);
        return session;
      },
      new Placement(new Table(), new Random(1)), 50, TracerProvider.noop().get("test"), time);

  private final class Table implements Workers {
    @Override
    public List<WorkerAd> live(Role role) {
      return ads.stream().filter(ad -> ad.role() == role).toList();
    }

    @Override
    public Registration onLeave(Consumer<String> listener) {
      return () -> {};
    }
  }

  /** A clock that the test moves. */
  private static final class ManualClock implements SessionSupervisor.Clock {
    private long nanos;
    private Optional<Runnable> next = Optional.empty();

    @Override
    public long nanos() {
      return nanos;
    }

    @Override
    public void after(Duration delay, Runnable then) {
      next = Optional.of(() -> {
        nanos += delay.toNanos();
        then.run();
      });
    }

    /** Runs what is due next; false if nothing is. */
    boolean tick() {
      Optional<Runnable> due = next;
      next = Optional.empty();
      due.ifPresent(Runnable::run);
      return due.isPresent();
    }
  }

  /** A session that does what the test says. */
  private static final class Opened implements SessionHost.Session {
    private final String worker;
    private final SessionSpec spec;
    private final TokenSink sink;
    private final String traceparent;
    private final int credit;
    private final CompletableFuture<Outcome> outcome = new CompletableFuture<>();
    private final List<Integer> acknowledged = new ArrayList<>();
    private boolean cancelled;

    Opened(String worker, SessionSpec spec, TokenSink sink, String traceparent, int credit) {
      this.worker = worker;
      this.spec = spec;
      this.sink = sink;
      this.traceparent = traceparent;
      this.credit = credit;
    }

    void commits(int from, int... ids) throws InterruptedException {
      sink.round(new Round(from, TokenIds.of(ids), TokenIds.of(ids), ids.length - 1));
    }

    void loses(FailureCode code) {
      outcome.completeExceptionally(new SessionLostException(code, worker + " " + code));
    }

    void finishes(StopReason reason, DecodeStats stats) {
      outcome.complete(new Outcome(reason, TokenIds.empty(), stats));
    }

    @Override
    public void acknowledge(int received) {
      acknowledged.add(received);
    }

    @Override
    public CompletionStage<Outcome> outcome() {
      return outcome;
    }

    @Override
    public void cancel() {
      cancelled = true;
    }
  }

  private static final class Recorder implements TokenSink {
    private final List<Round> rounds = new ArrayList<>();
    private final List<Outcome> outcomes = new ArrayList<>();
    private final List<String> failures = new ArrayList<>();
    private final List<FailureCode> codes = new ArrayList<>();
    private int prefilled;

    @Override
    public void prefilled(int done, int total) {
      prefilled++;
    }

    @Override
    public void round(Round round) {
      assertThat(round.from()).isEqualTo(tokens().length());
      rounds.add(round);
    }

    void ended(Outcome outcome, Throwable failure) {
      if (failure == null) {
        outcomes.add(outcome);
      } else {
        SessionLostException lost = SessionLostException.of(failure);
        codes.add(lost.code());
        failures.add(lost.getMessage());
      }
    }

    TokenIds tokens() {
      return rounds.stream().map(Round::committed).reduce(TokenIds.empty(), TokenIds::concat);
    }
  }

  private void worker(Role role, String id, String arithmetic, int sessions) {
    ads.add(new WorkerAd(id, role, "tiny", "f00d", arithmetic, 3, 4, 8, 16, 100, 64, false, sessions, false));
  }

  private static SessionSpec spec(int maxTokens) {
    return new SessionSpec(
        new SessionKey(7, 0), TokenIds.of(1, 2), new StopRule(TokenIds.of(99), maxTokens, 64),
        SamplingParams.sampled(1, 5), WindowPolicy.sequential(4));
  }

  private SessionHost.Session start(int maxTokens) {
    return start(maxTokens, received);
  }

  private SessionHost.Session start(int maxTokens, Recorder by) {
    SessionHost host = ((Choice.Found) supervisor.choose("f00d", Optional.of("00-trace"))).host();
    SessionHost.Session session = host.open(spec(maxTokens), by);
    session.outcome().whenComplete(by::ended);
    return session;
  }

  @Test
  void shouldOpenEpochZeroOnTheLeastLoadedWorkerThatAVerifierFits() {
    worker(Role.DRAFT, "busy", "a", 3);
    worker(Role.DRAFT, "free", "a", 1);
    worker(Role.DRAFT, "alone", "b", 0);
    worker(Role.VERIFY, "judge", "a", 0);
    start(10);

    Opened session = opened.getFirst();
    assertThat(session.worker).isEqualTo("free");
    assertThat(session.spec.key().epoch()).isZero();
    assertThat(session.spec.key().session()).isEqualTo(7);
    assertThat(session.spec.prompt()).isEqualTo(TokenIds.of(1, 2));
    assertThat(session.traceparent).isEqualTo("00-trace");
    assertThat(session.credit).isEqualTo(50);
  }

  @Test
  void shouldResumeFromCommittedTokensWhenDrafterDies() throws Exception {
    worker(Role.DRAFT, "one", "a", 0);
    worker(Role.DRAFT, "two", "a", 5);
    worker(Role.VERIFY, "judge", "a", 0);
    SessionHost.Session generation = start(10);
    worker(Role.DRAFT, "other-arithmetic", "b", 0);
    worker(Role.VERIFY, "judge-of-the-other", "b", 0);

    opened.getFirst().commits(0, 10, 11);
    opened.getFirst().commits(2, 12);
    generation.acknowledge(2);
    opened.getFirst().loses(FailureCode.LOST);

    Opened second = opened.get(1);
    assertThat(second.worker).isEqualTo("two");
    assertThat(second.spec.key().epoch()).isEqualTo(1);
    assertThat(second.spec.key().session()).isEqualTo(7);
    assertThat(second.spec.committed()).isEqualTo(TokenIds.of(10, 11, 12));
    assertThat(second.spec.sampling()).isEqualTo(opened.getFirst().spec.sampling());
    assertThat(second.acknowledged).containsExactly(2);

    opened.getFirst().commits(3, 66);
    second.commits(3, 13, 14);
    second.finishes(StopReason.LENGTH, new DecodeStats(1, 2, 1, 30, 31));

    assertThat(received.tokens()).isEqualTo(TokenIds.of(10, 11, 12, 13, 14));
    assertThat(received.failures).isEmpty();
    assertThat(received.outcomes).hasSize(1);
    assertThat(received.outcomes.getFirst().committed()).isEqualTo(received.tokens());
    assertThat(received.outcomes.getFirst().stats()).isEqualTo(new DecodeStats(3, 5, 2, 30, 31));
  }

  @Test
  void shouldFailOnceWhenNoWorkerIsLeft() throws Exception {
    worker(Role.DRAFT, "one", "a", 0);
    worker(Role.DRAFT, "two", "a", 1);
    worker(Role.VERIFY, "judge", "a", 0);
    start(10);
    opened.getFirst().commits(0, 10);
    opened.getFirst().loses(FailureCode.VERIFIER_LOST);
    ads.removeIf(ad -> ad.role() == Role.DRAFT);
    opened.get(1).loses(FailureCode.LOST);

    assertThat(received.failures).isEmpty();
    int looks = 0;
    while (time.tick()) {
      looks++;
    }
    assertThat(looks).isBetween(10, 100);
    assertThat(time.nanos()).isEqualTo(Duration.ofSeconds(5).toNanos());
    assertThat(opened).hasSize(2);
    assertThat(received.failures).hasSize(1);
    assertThat(received.failures.getFirst()).contains("two LOST", "no other worker");
    assertThat(received.outcomes).isEmpty();
  }

  @Test
  void shouldWaitForTheWorkerThatReplacesTheOnlyOne() throws Exception {
    worker(Role.DRAFT, "one", "a", 0);
    worker(Role.VERIFY, "judge", "a", 0);
    start(10);
    opened.getFirst().commits(0, 10);
    ads.removeIf(ad -> ad.id().equals("one"));
    opened.getFirst().loses(FailureCode.LOST);
    assertThat(time.tick()).isTrue();
    assertThat(opened).hasSize(1);
    worker(Role.DRAFT, "successor", "a", 0);
    assertThat(time.tick()).isTrue();

    assertThat(opened.getLast().worker).isEqualTo("successor");
    opened.getLast().commits(1, 11);
    opened.getLast().finishes(StopReason.LENGTH, DecodeStats.NONE);
    assertThat(received.tokens()).isEqualTo(TokenIds.of(10, 11));
    assertThat(received.failures).isEmpty();
    assertThat(time.tick()).isFalse();
  }

  @Test
  void shouldTryASuspectAgainOnceTokensCame() throws Exception {
    worker(Role.DRAFT, "one", "a", 0);
    worker(Role.DRAFT, "two", "a", 1);
    worker(Role.VERIFY, "judge", "a", 0);
    start(10);
    opened.getFirst().loses(FailureCode.INTERNAL);
    opened.get(1).commits(0, 10);
    opened.get(1).loses(FailureCode.INTERNAL);
    assertThat(opened.getLast().worker).isEqualTo("one");
    assertThat(opened).hasSize(3);
  }

  @Test
  void shouldSayAtOnceThatNoWorkerHasRoomForANewGeneration() {
    worker(Role.DRAFT, "one", "a", 0);
    worker(Role.VERIFY, "judge", "a", 0);
    start(10);
    opened.getFirst().loses(FailureCode.OVERLOADED);
    assertThat(received.codes).containsExactly(FailureCode.OVERLOADED);
    assertThat(received.prefilled).isZero();
    assertThat(time.tick()).isFalse();
  }

  @Test
  void shouldSayThatAWorkerTookTheGeneration() throws Exception {
    worker(Role.DRAFT, "one", "a", 0);
    worker(Role.VERIFY, "judge", "a", 0);
    start(10);
    opened.getFirst().sink.prefilled(1, 2);
    assertThat(received.prefilled).isEqualTo(1);
  }

  @Test
  void shouldThrowWhenTheFirstWorkerCannotBeOpened() {
    worker(Role.DRAFT, "one", "a", 0);
    worker(Role.VERIFY, "judge", "a", 0);
    opening = () -> {
      throw new IllegalStateException("broken");
    };
    assertThatThrownBy(() -> start(10)).hasMessage("broken");
  }

  @Test
  void shouldNotRetryElsewhereWhatIsWrongOnEveryWorker() {
    worker(Role.DRAFT, "one", "a", 0);
    worker(Role.DRAFT, "two", "a", 1);
    worker(Role.VERIFY, "judge", "a", 0);
    start(10);
    opened.getFirst().loses(FailureCode.BAD_INPUT);
    assertThat(opened).hasSize(1);
    assertThat(received.failures).hasSize(1);
  }

  @Test
  void shouldFinishFromItsLogWhenOnlyTheEndWasLost() throws Exception {
    worker(Role.DRAFT, "one", "a", 0);
    worker(Role.VERIFY, "judge", "a", 0);
    start(2);
    opened.getFirst().commits(0, 10, 11);
    opened.getFirst().loses(FailureCode.LOST);
    assertThat(received.outcomes.getFirst().reason()).isEqualTo(StopReason.LENGTH);

    start(10);
    var again = new Recorder();
    start(10, again);
    opened.getLast().commits(0, 10, 99);
    opened.getLast().loses(FailureCode.LOST);
    assertThat(again.outcomes.getFirst().reason()).isEqualTo(StopReason.EOS);
    assertThat(again.failures).isEmpty();
  }

  @Test
  void shouldResumeOnAnotherWorkerWhenOneGivesUpUnasked() throws Exception {
    worker(Role.DRAFT, "one", "a", 0);
    worker(Role.DRAFT, "two", "a", 1);
    worker(Role.VERIFY, "judge", "a", 0);
    start(10);
    opened.getFirst().commits(0, 10);
    opened.getFirst().finishes(StopReason.CANCELLED, DecodeStats.NONE);
    assertThat(opened.get(1).spec.committed()).isEqualTo(TokenIds.of(10));
    assertThat(received.outcomes).isEmpty();
  }

  @Test
  void shouldNotResumeWhatWasCancelled() throws Exception {
    worker(Role.DRAFT, "one", "a", 0);
    worker(Role.DRAFT, "two", "a", 0);
    worker(Role.VERIFY, "judge", "a", 0);
    SessionHost.Session generation = start(10);
    opened.getFirst().commits(0, 10);
    generation.cancel();
    assertThat(opened.getFirst().cancelled).isTrue();
    opened.getFirst().loses(FailureCode.LOST);
    assertThat(opened).hasSize(1);
    assertThat(received.outcomes.getFirst().reason()).isEqualTo(StopReason.CANCELLED);
  }

  @Test
  void shouldRefuseWhatItCannotPlace() {
    assertThat(supervisor.choose("f00d", Optional.empty())).isInstanceOfSatisfying(Choice.None.class, no -> {
      assertThat(no.status()).isEqualTo(503);
      assertThat(no.reason()).contains("draft worker", "verify worker");
    });
    worker(Role.DRAFT, "one", "a", 0);
    worker(Role.VERIFY, "judge", "a", 0);
    assertThat(supervisor.choose("beef", Optional.empty())).isInstanceOfSatisfying(Choice.None.class, no -> {
      assertThat(no.status()).isEqualTo(503);
      assertThat(no.code()).isEqualTo("model_changed");
    });
    assertThat(supervisor.choose("f00d", Optional.empty())).isInstanceOf(Choice.Found.class);
  }
}
