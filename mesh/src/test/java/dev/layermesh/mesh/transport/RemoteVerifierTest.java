package dev.layermesh.mesh.transport;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.layermesh.decoding.AcceptanceRule;
import dev.layermesh.decoding.DraftWindow;
import dev.layermesh.decoding.Handoff;
import dev.layermesh.decoding.PrefixHash;
import dev.layermesh.decoding.SamplingParams;
import dev.layermesh.decoding.SessionKey;
import dev.layermesh.decoding.SessionSpec;
import dev.layermesh.decoding.StopReason;
import dev.layermesh.decoding.StopRule;
import dev.layermesh.decoding.TokenIds;
import dev.layermesh.decoding.VerifierLostException;
import dev.layermesh.decoding.VerifyReply;
import dev.layermesh.decoding.WindowPolicy;
import dev.layermesh.decoding.Work;
import dev.layermesh.decoding.loop.LocalSessionHost;
import dev.layermesh.decoding.loop.LocalVerifier;
import dev.layermesh.decoding.loop.Outcome;
import dev.layermesh.decoding.loop.SessionHost;
import dev.layermesh.decoding.loop.TokenSink;
import dev.layermesh.decoding.loop.VerifierHost;
import dev.layermesh.decoding.loop.VerifierSession;
import dev.layermesh.mesh.membership.Role;
import dev.layermesh.mesh.wire.Kind;
import dev.layermesh.mesh.wire.Message;
import dev.layermesh.testkit.DrafterKind;
import dev.layermesh.testkit.ForgetfulVerifierHost;
import dev.layermesh.testkit.Lossless;
import dev.layermesh.testkit.ToyDrafter;
import dev.layermesh.testkit.ToyModel;
import dev.layermesh.testkit.ToyVerifierHost;
import java.time.Duration;
import java.util.HashSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@Timeout(60)
class RemoteVerifierTest {
  private static final Duration MINUTES = Duration.ofMinutes(5);
  private static final WindowPolicy TWO_WINDOWS = new WindowPolicy(3, 2, true);
  private static final TokenSink NOWHERE = round -> {};

  private final ToyModel model = ToyModel.small(3);
  private final VirtualFrameBus bus = new VirtualFrameBus();
  private final TestWorkers workers = new TestWorkers();
  private final ToyVerifierHost first = new ToyVerifierHost(model);
  private final ToyVerifierHost second = new ToyVerifierHost(model);

  @ParameterizedTest
  @CsvSource({"0,1,false", "4,1,false", "3,2,true", "2,3,true"})
  void shouldSayWhatALocalVerifierSays(int draft, int windows, boolean tail) {
    VerifyEndpoint endpoint = verifier("v1", first, bus);
    SessionSpec spec = spec(1, new WindowPolicy(draft, windows, tail), 60);
    Outcome outcome = finished(drafter("d1", bus).open(spec, NOWHERE));
    Lossless.assertSameTokens(model.autoregressive(spec), outcome.committed());
    bus.until("the session is freed", Duration.ofSeconds(5), () -> endpoint.sessions() == 0);
    assertThat(first.opened()).isEqualTo(1);
  }

  @ParameterizedTest
  @CsvSource({"1,1", "2,1", "3,2", "4,2", "5,2", "6,2"})
  void shouldSayTheSameWhateverIsLostRepeatedOrLate(long seed, int windows) {
    var faulty = new FaultyFrameBus(bus, seed, 0.1);
    VerifyEndpoint endpoint = verifier("v1", new ForgetfulVerifierHost(first, 0.05, seed), faulty);
    SessionSpec spec = spec(seed, new WindowPolicy(3, windows, windows > 1), 80);
    Outcome outcome = finished(drafter("d1", faulty).open(spec, NOWHERE));
    Lossless.assertSameTokens(model.autoregressive(spec), outcome.committed());
    assertThat(faulty.lost()).containsKeys(
        Kind.OPEN_VERIFIER, Kind.EXTEND, Kind.DRAFT_WINDOW, Kind.VERIFIER_OPENED, Kind.EXTENDED, Kind.VERDICT);
    bus.until("the session is freed", Duration.ofSeconds(40), () -> endpoint.sessions() == 0);
  }

  @Test
  void shouldCarryDraftDistributionsForTheRuleThatReadsThem() {
    verifier("v1", first, bus);
    SamplingParams classic = SamplingParams.sampled(0.9, 5).with(AcceptanceRule.SPECULATIVE_SAMPLING);
    SessionSpec spec = spec(4, TWO_WINDOWS, 60, classic);
    SessionSpec same = spec(5, TWO_WINDOWS, 60, spec.sampling());
    TokenIds local = finished(new LocalSessionHost(
        one -> new ToyDrafter(one, model, DrafterKind.PLAUSIBLE),
        () -> new LocalVerifier(second)).open(spec, NOWHERE)).committed();
    Lossless.assertSameTokens(local, finished(drafter("d1", bus).open(same, NOWHERE)).committed());
  }

  @Test
  void shouldContinueWithAnotherVerifierWhenTheFirstDiesSilently() {
    var dying = new FaultyFrameBus(bus, 1, 0);
    dying.calm();
    verifier("v1", first, dying);
    VerifyEndpoint other = verifier("v2", second, bus);
    SessionSpec spec = spec(6, TWO_WINDOWS, 100);
    var rounds = new Semaphore(0);
    SessionHost.Session session = drafter("d1", bus).open(spec, round -> {
      rounds.release();
      if (rounds.availablePermits() == 5) {
        dying.swallow(kind -> true);
      }
    });
    Outcome outcome = finished(session);
    Lossless.assertSameTokens(model.autoregressive(spec), outcome.committed());
    assertThat(second.opened()).isEqualTo(1);
    bus.until("the session is freed", Duration.ofSeconds(5), () -> other.sessions() == 0);
  }

  @Test
  void shouldContinueAtOnceWhenTheVerifierLeavesTheMesh() {
    VerifyEndpoint leaving = verifier("v1", first, bus);
    verifier("v2", second, bus);
    SessionSpec spec = spec(7, TWO_WINDOWS, 100);
    var rounds = new Semaphore(0);
    TransportTimes d = TransportTimes.DEFAULTS;
    var patient = new TransportTimes(
        d.tick(), d.retryFrom(), d.retryTo(), Duration.ofHours(1), Duration.ofHours(1), d.verifierDeadline(),
        d.verifierLease(), d.keepAlive(), d.heartbeat(), d.sessionLease());
    Outcome outcome = finished(drafter(new TransportNode(bus, "d1", workers, patient)).open(spec, round -> {
      rounds.release();
      if (rounds.availablePermits() == 3) {
        leaving.close();
        workers.leave("v1");
      }
    }));
    Lossless.assertSameTokens(model.autoregressive(spec), outcome.committed());
    assertThat(second.opened()).isEqualTo(1);
  }

  @Test
  void shouldOpenAgainAtAVerifierThatForgotTheSession() {
    var restarted = new CompletableFuture<VerifyEndpoint>();
    VerifyEndpoint before = verifier("v1", first, bus);
    SessionSpec spec = spec(8, TWO_WINDOWS, 100);
    var rounds = new Semaphore(0);
    Outcome outcome = finished(drafter("d1", bus).open(spec, round -> {
      rounds.release();
      if (rounds.availablePermits() == 4) {
        before.close();
        restarted.complete(verifier("v1", second, bus));
      }
    }));
    Lossless.assertSameTokens(model.autoregressive(spec), outcome.committed());
    assertThat(second.opened()).isEqualTo(1);
    bus.until("the session is freed", Duration.ofSeconds(5), () -> restarted.join().sessions() == 0);
  }

  @Test
  void shouldRefuseAZombieOfALowerEpoch() {
    VerifyEndpoint endpoint = verifier("v1", first, bus);
    SessionSpec old = spec(9, TWO_WINDOWS, 100);
    var rounds = new Semaphore(0);
    var resume = new CountDownLatch(1);
    SessionHost.Session zombie = drafter("d1", bus).open(old, round -> {
      rounds.release();
      if (rounds.availablePermits() == 3) {
        resume.await();
      }
    });
    bus.until("three rounds", MINUTES, () -> rounds.availablePermits() == 3);
    SessionSpec next = old.resumedAfter(TokenIds.empty());
    SessionHost.Session taken = drafter("d2", bus).open(next, NOWHERE);
    bus.until("the new epoch is open", MINUTES, () -> first.opened() == 2);
    resume.countDown();
    assertThat(finished(zombie).reason()).isEqualTo(StopReason.SUPERSEDED);
    Lossless.assertSameTokens(model.autoregressive(next), finished(taken).committed());
    bus.until("all is freed", Duration.ofSeconds(5), () -> endpoint.sessions() == 0 && first.open() == 0);
    // A zombie that asks later gets the same answer.
    assertThat(finished(drafter("d3", bus).open(old, NOWHERE)).reason()).isEqualTo(StopReason.SUPERSEDED);
  }

  @Test
  void shouldSayThatNoVerifierWasFound() {
    SessionHost.Session session = drafter("d1", bus).open(spec(10, TWO_WINDOWS, 10), NOWHERE);
    assertThatThrownBy(() -> finished(session))
        .hasCauseInstanceOf(VerifierLostException.class)
        .hasMessageContaining("no verifier for PT10S");
  }

  @Test
  void shouldPassOverVerifiersThatAreListedAndDead() {
    workers.join(Role.VERIFY, "v1").join(Role.VERIFY, "v2").join(Role.VERIFY, "v3");
    verifier("v4", first, bus);
    SessionSpec spec = spec(20, TWO_WINDOWS, 20);
    Lossless.assertSameTokens(
        model.autoregressive(spec), finished(drafter("d1", bus).open(spec, NOWHERE)).committed());
  }

  @Test
  void shouldGiveUpWhenEveryVerifierBreaksDown() {
    VerifierHost broken = (key, sampling) -> {
      throw new IllegalStateException("device is gone");
    };
    verifier("v1", broken, bus);
    verifier("v2", broken, bus);
    SessionHost.Session session = drafter("d1", bus).open(spec(11, TWO_WINDOWS, 10), NOWHERE);
    assertThatThrownBy(() -> finished(session)).hasCauseInstanceOf(VerifierLostException.class);
  }

  @Test
  void shouldGiveUpWhenEveryVerifierBreaksDownAtTheSameWork() {
    verifier("v1", breaking((opening, answered, work) -> work instanceof DraftWindow), bus);
    SessionHost.Session session = drafter("d1", bus).open(spec(21, TWO_WINDOWS, 10), NOWHERE);
    assertThatThrownBy(() -> finished(session))
        .hasCauseInstanceOf(VerifierLostException.class)
        .hasMessageContaining("in a row failed");
  }

  @Test
  void shouldContinueAsLongAsEachVerifierGetsFurtherThanThoseBefore() {
    verifier("v1", breaking((opening, answered, work) -> opening <= 12 && answered >= opening), bus);
    SessionSpec small = spec(22, TWO_WINDOWS, 10);
    SessionSpec spec = new SessionSpec(
        small.key(), TokenIds.of(IntStream.range(0, 1000).map(i -> i % 13).toArray()), small.committed(), small.stops(),
        small.sampling(), small.window());
    var verifiers = new RemoteVerifiers(node("d1", bus), workers::verifier, key -> "", 4096); // few rows in a work
    SessionHost.Session session = loops(verifiers).open(spec, NOWHERE);
    Lossless.assertSameTokens(model.autoregressive(spec), finished(session).committed());
    assertThat(first.opened()).isGreaterThan(12);
  }

  private interface Fault {
    boolean at(int opening, int answered, Work work);
  }

  private VerifierHost breaking(Fault fault) {
    var openings = new AtomicInteger();
    return (key, sampling) -> {
      VerifierSession session = first.open(key, sampling);
      int opening = openings.incrementAndGet();
      var answered = new AtomicInteger();
      return answering(session, work -> {
        if (fault.at(opening, answered.get(), work)) {
          throw new IllegalStateException("device is gone");
        }
        VerifyReply reply = session.answer(work);
        if (!(reply instanceof VerifyReply.Behind)) {
          answered.incrementAndGet();
        }
        return reply;
      });
    };
  }

  @Test
  void shouldKeepAWaitingSessionHoweverOftenItsVerifierLeaves() {
    verifier("v1", first, bus);
    SessionSpec spec = spec(23, WindowPolicy.sequential(3), 30);
    var parked = new CountDownLatch(1);
    var resume = new CountDownLatch(1);
    SessionHost.Session session = drafter("d1", bus).open(spec, round -> {
      parked.countDown();
      resume.await();
    });
    bus.until("it waits for its client", MINUTES, () -> parked.getCount() == 0);
    for (int i = 1; i <= 12; i++) {
      int opened = i + 1;
      workers.leave("v1");
      workers.join(Role.VERIFY, "v1");
      bus.until("it is open again", MINUTES, () -> first.opened() == opened);
      bus.advance(Duration.ofMillis(100));
    }
    resume.countDown();
    Lossless.assertSameTokens(model.autoregressive(spec), finished(session).committed());
  }

  @Test
  void shouldEndASessionThatWaitsForAReplyAsCancelledWhenTheVerifiersClose() {
    var never = new CountDownLatch(1);
    verifier("v1", (key, sampling) -> {
      VerifierSession session = first.open(key, sampling);
      return answering(session, work -> {
        never.await();
        return session.answer(work);
      });
    }, bus);
    var verifiers = new RemoteVerifiers(node("d1", bus), workers::verifier, key -> "", 4);
    SessionHost.Session session = loops(verifiers).open(spec(24, TWO_WINDOWS, 10), NOWHERE);
    bus.until("the session is open", MINUTES, () -> first.opened() == 1);
    bus.advance(Duration.ofMillis(100));
    verifiers.close();
    assertThat(finished(session).reason()).isEqualTo(StopReason.CANCELLED);
  }

  @Test
  void shouldHoldNoMoreWorksThanADrafterSendsAndTakeTheRestWhenSentAgain() {
    var opens = new CountDownLatch(1);
    verifier("v1", (key, sampling) -> {
      try {
        opens.await();
      } catch (InterruptedException cancelled) {
        throw new IllegalStateException(cancelled);
      }
      return answering(first.open(key, sampling), work -> new VerifyReply.Extended(work.seq(), 1, 1));
    }, bus);
    var held = new HashSet<Integer>();
    var answered = new HashSet<Integer>();
    TransportNode drafter = node("d1", bus);
    drafter.listen(Addresses.replies("d1"), frame -> {
      switch (frame.message()) {
        case Message.InProgress progress -> held.add(progress.seq());
        case Message.Reply reply -> answered.add(reply.reply().seq());
        default -> {}
      }
    });
    var key = new SessionKey(25, 0);
    String address = Addresses.verifier("v1");
    drafter.send(address, key, new Message.OpenVerifier(0, 0, SamplingParams.GREEDY, ""));
    Runnable sendAll = () -> {
      for (int seq = 199; seq >= 0; seq--) { // the first ones last: works that arrive early must leave room for them
        drafter.send(address, key, new Message.Work(
            new Work.Extend(seq, PrefixHash.EMPTY, new Handoff.Tokens(0, TokenIds.of(1)))));
      }
    };
    sendAll.run();
    sendAll.run();
    bus.advance(Duration.ofMillis(100));
    assertThat(held).hasSize(64).allMatch(seq -> seq < 64);
    opens.countDown();
    bus.until("the first are answered", MINUTES, () -> answered.size() == 64);
    sendAll.run();
    bus.until("the next are answered", MINUTES, () -> answered.size() == 128);
  }

  @Test
  void shouldTurnToAnotherVerifierWhenOneIsFullOrDraining() {
    TransportNode node = node("v1", bus);
    workers.join(Role.VERIFY, "v1");
    var full = new VerifyEndpoint(node, first, 1, SessionSpans.none());
    VerifyEndpoint other = verifier("v2", second, bus);
    var resume = new CountDownLatch(1);
    SessionHost.Session holding = drafter("d1", bus).open(spec(12, TWO_WINDOWS, 20), round -> resume.await());
    bus.until("the first session is open", MINUTES, () -> full.sessions() == 1);
    SessionSpec spec = spec(13, TWO_WINDOWS, 20);
    Lossless.assertSameTokens(
        model.autoregressive(spec), finished(drafter("d2", bus).open(spec, NOWHERE)).committed());
    assertThat(second.opened()).isEqualTo(1);
    other.drain();
    resume.countDown();
    finished(holding);
    SessionSpec third = spec(14, TWO_WINDOWS, 20);
    finished(drafter("d3", bus).open(third, NOWHERE));
    assertThat(second.opened()).as("a draining verifier takes nothing new").isEqualTo(1);
  }

  @Test
  void shouldWaitForASlowVerifierThatShowsSignsOfLife() {
    var go = new CountDownLatch(1);
    VerifierHost slow = (key, sampling) -> {
      VerifierSession session = first.open(key, sampling);
      return answering(session, work -> {
        go.await();
        return session.answer(work);
      });
    };
    verifier("v1", slow, bus);
    SessionSpec spec = spec(15, TWO_WINDOWS, 30);
    SessionHost.Session session = drafter("d1", bus).open(spec, NOWHERE);
    bus.advance(Duration.ofSeconds(45));
    go.countDown();
    Lossless.assertSameTokens(model.autoregressive(spec), finished(session).committed());
    assertThat(first.opened()).isEqualTo(1);
  }

  @Test
  void shouldKeepTheLeaseOfASessionThatWaitsForItsClient() {
    verifier("v1", first, bus);
    SessionSpec spec = spec(16, TWO_WINDOWS, 30);
    var resume = new CountDownLatch(1);
    SessionHost.Session session = drafter("d1", bus).open(spec, round -> resume.await());
    bus.advance(Duration.ofSeconds(70));
    resume.countDown();
    Lossless.assertSameTokens(model.autoregressive(spec), finished(session).committed());
    assertThat(first.opened()).isEqualTo(1);
  }

  @Test
  void shouldFreeTheSessionsOfADrafterThatIsSilent() {
    var dying = new FaultyFrameBus(bus, 1, 0);
    dying.calm();
    VerifyEndpoint endpoint = verifier("v1", first, bus);
    var never = new CountDownLatch(1);
    SessionHost.Session session = drafter("d1", dying).open(spec(17, TWO_WINDOWS, 30), round -> never.await());
    bus.until("the session is open", MINUTES, () -> endpoint.sessions() == 1);
    dying.swallow(kind -> true);
    bus.advance(Duration.ofSeconds(25));
    assertThat(endpoint.sessions()).isEqualTo(1);
    bus.until("the lease has run out", Duration.ofSeconds(12), () -> endpoint.sessions() == 0 && first.open() == 0);
    session.cancel();
  }

  @Test
  void shouldFreeTheSessionsOfADrafterThatLeavesTheMesh() {
    var dying = new FaultyFrameBus(bus, 1, 0);
    dying.calm();
    VerifyEndpoint endpoint = verifier("v1", first, bus);
    var never = new CountDownLatch(1);
    SessionHost.Session session = drafter("d1", dying).open(spec(18, TWO_WINDOWS, 30), round -> never.await());
    bus.until("the session is open", MINUTES, () -> endpoint.sessions() == 1);
    dying.swallow(kind -> true);
    workers.leave("d1");
    bus.until("it is freed", Duration.ofSeconds(1), () -> endpoint.sessions() == 0 && first.open() == 0);
    session.cancel();
  }

  @Test
  void shouldFreeACancelledSessionAtItsVerifierThoughClosingIsLost() {
    var faulty = new FaultyFrameBus(bus, 3, 0.1);
    VerifyEndpoint endpoint = verifier("v1", first, faulty);
    var never = new CountDownLatch(1);
    SessionHost.Session session = drafter("d1", faulty).open(spec(19, TWO_WINDOWS, 30), round -> never.await());
    bus.until("the session is open", MINUTES, () -> endpoint.sessions() == 1);
    session.cancel();
    bus.until("it is freed", Duration.ofSeconds(3), () -> endpoint.sessions() == 0 && first.open() == 0);
    assertThat(finished(session).reason()).isEqualTo(StopReason.CANCELLED);
    assertThat(faulty.lost()).containsKey(Kind.CLOSE_VERIFIER);
  }

  @Test
  void shouldSendALostSecondWindowAgainAsSoonAsTheFirst() {
    var losing = new FaultyFrameBus(bus, 1, 0);
    losing.calm();
    losing.swallow(kind -> kind == Kind.DRAFT_WINDOW);
    verifier("v1", first, bus);
    var verifiers = new RemoteVerifiers(node("d1", losing), workers::verifier, key -> "", 4);
    var rounds = new AtomicInteger();
    SessionSpec spec = spec(25, TWO_WINDOWS, 30);
    SessionHost.Session session =
        new LocalSessionHost(one -> new ToyDrafter(one, model, DrafterKind.PERFECT), verifiers::verifier)
            .open(spec, round -> rounds.incrementAndGet());
    bus.until("two windows are lost", MINUTES, () -> losing.lost().getOrDefault(Kind.DRAFT_WINDOW, 0) == 2);
    losing.swallow(kind -> false);
    Duration onePause = TransportTimes.DEFAULTS.retryFrom().plus(TransportTimes.DEFAULTS.tick().multipliedBy(2));
    bus.until("both are judged", onePause, () -> rounds.get() >= 2);
    Lossless.assertSameTokens(model.autoregressive(spec), finished(session).committed());
  }

  private interface Answer {
    VerifyReply to(Work work) throws InterruptedException;
  }

  private static VerifierSession answering(VerifierSession session, Answer answer) {
    return new VerifierSession() {
      @Override
      public int cached() {
        return session.cached();
      }

      @Override
      public VerifyReply answer(Work work) throws InterruptedException {
        return answer.to(work);
      }

      @Override
      public void close() {
        session.close();
      }
    };
  }

  private SessionHost drafter(String id, FrameBus itsBus) {
    return drafter(node(id, itsBus));
  }

  private SessionHost drafter(TransportNode node) {
    return loops(new RemoteVerifiers(node, workers::verifier, key -> "", 4));
  }

  private SessionHost loops(RemoteVerifiers verifiers) {
    return new LocalSessionHost(spec -> new ToyDrafter(spec, model, DrafterKind.PLAUSIBLE), verifiers::verifier);
  }

  private VerifyEndpoint verifier(String id, VerifierHost host, FrameBus itsBus) {
    workers.join(Role.VERIFY, id);
    return new VerifyEndpoint(node(id, itsBus), host, 100, SessionSpans.none());
  }

  private TransportNode node(String id, FrameBus itsBus) {
    return new TransportNode(itsBus, id, workers);
  }

  private Outcome finished(SessionHost.Session session) {
    CompletableFuture<Outcome> outcome = session.outcome().toCompletableFuture();
    bus.until("the session has ended", MINUTES, outcome::isDone);
    return outcome.join();
  }

  private static SessionSpec spec(long session, WindowPolicy window, int maxTokens) {
    return spec(session, window, maxTokens, SamplingParams.sampled(0.8, session));
  }

  private static SessionSpec spec(long session, WindowPolicy window, int maxTokens, SamplingParams sampling) {
    return new SessionSpec(
        new SessionKey(session, 0),
        TokenIds.of(1, 2, 3, 4, 5, 6, 7, 8),
        new StopRule(TokenIds.empty(), maxTokens, 4096),
        sampling,
        window);
  }
}
