package dev.layermesh.mesh.transport;

import static org.assertj.core.api.Assertions.assertThat;

import dev.layermesh.decoding.InputException;
import dev.layermesh.decoding.SamplingParams;
import dev.layermesh.decoding.SessionKey;
import dev.layermesh.decoding.SessionSpec;
import dev.layermesh.decoding.StopReason;
import dev.layermesh.decoding.StopRule;
import dev.layermesh.decoding.TokenIds;
import dev.layermesh.decoding.VerifyReply;
import dev.layermesh.decoding.WindowPolicy;
import dev.layermesh.decoding.Work;
import dev.layermesh.decoding.loop.Drafter;
import dev.layermesh.decoding.loop.LocalSessionHost;
import dev.layermesh.decoding.loop.Outcome;
import dev.layermesh.decoding.loop.SessionHost;
import dev.layermesh.decoding.loop.VerifierHost;
import dev.layermesh.decoding.loop.VerifierSession;
import dev.layermesh.mesh.membership.Registration;
import dev.layermesh.mesh.membership.Role;
import dev.layermesh.mesh.wire.FailureCode;
import dev.layermesh.mesh.wire.Kind;
import dev.layermesh.testkit.DrafterKind;
import dev.layermesh.testkit.ForgetfulVerifierHost;
import dev.layermesh.testkit.Lossless;
import dev.layermesh.testkit.ToyDrafter;
import dev.layermesh.testkit.ToyModel;
import dev.layermesh.testkit.ToyVerifierHost;
import io.vertx.core.buffer.Buffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.function.Function;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(60)
class SessionEndpointTest {
  private static final Duration MINUTES = Duration.ofMinutes(10);
  private static final WindowPolicy TWO_WINDOWS = new WindowPolicy(3, 2, true);
  private static final int CREDIT = 16;

  private final ToyModel model = ToyModel.small(3);
  private final VirtualFrameBus bus = new VirtualFrameBus();
  private final TestWorkers workers = new TestWorkers();
  private final ToyVerifierHost toy = new ToyVerifierHost(model);
  private final List<VerifyEndpoint> verifiers = new ArrayList<>();
  private final List<SessionEndpoint> drafters = new ArrayList<>();

  @Test
  void shouldStreamWhatTheModelSaysAndLeaveNothingBehind() {
    verifier("v1", toy, bus);
    drafter("d1", bus);
    var gateway = new RemoteSessions(node("g1", bus));
    SessionSpec spec = spec(1, 100);
    var client = new Client(gateway, "d1", spec);
    Outcome outcome = client.finished();
    Lossless.assertSameTokens(model.autoregressive(spec), outcome.committed());
    Lossless.assertSameTokens(outcome.committed(), client.received.tokens());
    assertThat(outcome.stats().rounds()).isPositive();
    assertThat(outcome.reason()).isEqualTo(StopReason.LENGTH);
    assertNothingIsLeft(gateway, Duration.ofSeconds(2));
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5, 6})
  void shouldStreamTheSameWhateverIsLostRepeatedOrLate(long seed) {
    var faulty = new FaultyFrameBus(bus, seed, 0.1);
    verifier("v1", new ForgetfulVerifierHost(toy, 0.05, seed), faulty);
    drafter("d1", faulty);
    var gateway = new RemoteSessions(node("g1", faulty));
    SessionSpec spec = spec(seed, 100);
    var client = new Client(gateway, "d1", spec);
    Lossless.assertSameTokens(model.autoregressive(spec), client.finished().committed());
    Lossless.assertSameTokens(model.autoregressive(spec), client.received.tokens());
    assertNothingIsLeft(gateway, Duration.ofSeconds(45));
  }

  @Test
  void shouldParkADrafterWithinTheCreditOfASlowClientAndThenContinueIdentically() {
    verifier("v1", toy, bus);
    drafter("d1", bus);
    var gateway = new RemoteSessions(node("g1", bus));
    SessionSpec spec = spec(2, 200);
    var received = new Received(TokenIds.empty(), length -> {});
    SessionHost.Session session = gateway.host("d1", CREDIT, "").open(spec, received);
    bus.until("the drafter is at the end of its credit", MINUTES, () -> received.tokens().length() >= CREDIT);
    bus.advance(Duration.ofSeconds(60));
    int overshoot = spec.window().draftTokens() + 2; // the round that crosses the line is whole
    assertThat(received.tokens().length()).isBetween(CREDIT, CREDIT + overshoot);
    assertThat(toy.opened()).as("the verifier kept the session all the time").isEqualTo(1);
    session.acknowledge(10);
    bus.until("ten more", MINUTES, () -> received.tokens().length() >= CREDIT + 10);
    bus.advance(Duration.ofSeconds(3));
    assertThat(received.tokens().length()).isLessThanOrEqualTo(CREDIT + 10 + overshoot);
    session.acknowledge(200);
    Lossless.assertSameTokens(model.autoregressive(spec), finished(session).committed());
    assertNothingIsLeft(gateway, Duration.ofSeconds(2));
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void shouldEndEverywhereWithinARoundWhenCancelled(boolean faults) {
    FrameBus its = faults ? new FaultyFrameBus(bus, 7, 0.1) : bus;
    verifier("v1", toy, its);
    drafter("d1", its);
    var gateway = new RemoteSessions(node("g1", its));
    var client = new Client(gateway, "d1", spec(3, 100_000));
    bus.until("it streams", MINUTES, () -> client.received.tokens().length() > 20);
    int before = client.received.tokens().length();
    client.session.cancel();
    Outcome outcome = client.finished();
    assertThat(outcome.reason()).isEqualTo(StopReason.CANCELLED);
    if (!faults) {
      assertThat(outcome.committed().length() - before).isLessThanOrEqualTo(2 * 5);
    }
    assertNothingIsLeft(gateway, Duration.ofSeconds(faults ? 20 : 1));
  }

  @Test
  void shouldEndWhenItsGatewayVanishes() {
    var vanishing = new FaultyFrameBus(bus, 1, 0);
    vanishing.calm();
    verifier("v1", toy, bus);
    SessionEndpoint endpoint = drafter("d1", bus);
    var gateway = new RemoteSessions(node("g1", vanishing));
    var client = new Client(gateway, "d1", spec(4, 100_000));
    bus.until("it streams", MINUTES, () -> client.received.tokens().length() > 20);
    vanishing.swallow(kind -> true);
    bus.advance(Duration.ofSeconds(8));
    assertThat(endpoint.sessions()).isEqualTo(1);
    assertThat(client.received.tokens().length()).isLessThan(100); // it had no credit for more
    bus.until("the drafter has given up", Duration.ofSeconds(4), () -> endpoint.sessions() == 0);
    bus.until("the verifier too", Duration.ofSeconds(2), () -> toy.open() == 0);
  }

  @Test
  void shouldEndAtOnceWhenItsGatewayClosesAndBeForgottenAfterTheLease() {
    verifier("v1", toy, bus);
    drafter("d1", bus);
    var gateway = new RemoteSessions(node("g1", bus));
    var client = new Client(gateway, "d1", spec(5, 100_000));
    bus.until("it streams", MINUTES, () -> client.received.tokens().length() > 20);
    gateway.close();
    bus.until("its caches are free", Duration.ofSeconds(2), () -> toy.open() == 0);
    bus.until("it is forgotten", Duration.ofSeconds(12), () -> drafters.getFirst().sessions() == 0);
  }

  @Test
  void shouldRepeatTheFinalMessageUntilItIsAcknowledged() {
    var losing = new FaultyFrameBus(bus, 1, 0);
    losing.calm();
    losing.swallow(kind -> kind == Kind.FINISHED);
    verifier("v1", toy, bus);
    SessionEndpoint endpoint = drafter("d1", losing);
    var gateway = new RemoteSessions(node("g1", bus));
    SessionSpec spec = spec(6, 50);
    var client = new Client(gateway, "d1", spec);
    bus.until("the final message was lost again and again", MINUTES,
        () -> losing.lost().getOrDefault(Kind.FINISHED, 0) > 8);
    assertThat(client.session.outcome().toCompletableFuture()).isNotDone();
    assertThat(endpoint.sessions()).isEqualTo(1);
    losing.swallow(kind -> false);
    Lossless.assertSameTokens(model.autoregressive(spec), client.finished().committed());
    assertNothingIsLeft(gateway, Duration.ofSeconds(2));
  }

  @Test
  void shouldForgetASessionThoughTheAcknowledgementOfItsEndIsLost() {
    var losing = new FaultyFrameBus(bus, 1, 0);
    losing.calm();
    losing.swallow(kind -> kind == Kind.FINAL_ACK);
    verifier("v1", toy, bus);
    drafter("d1", bus);
    var gateway = new RemoteSessions(node("g1", losing));
    new Client(gateway, "d1", spec(7, 50)).finished();
    assertNothingIsLeft(gateway, Duration.ofSeconds(5));
  }

  @Test
  void shouldContinueIdenticallyOnAnotherDrafterWhenTheFirstFallsSilent() {
    var dying = new FaultyFrameBus(bus, 1, 0);
    dying.calm();
    verifier("v1", toy, bus);
    SessionEndpoint zombie = drafter("d1", dying);
    SessionEndpoint other = drafter("d2", bus);
    var gateway = new RemoteSessions(node("g1", bus));
    SessionSpec spec = spec(8, 100);
    var client = new Client(gateway, "d1", spec);
    bus.until("it streams", MINUTES, () -> client.received.tokens().length() > 30);
    dying.swallow(kind -> true);
    long start = bus.nanoTime();
    assertThat(client.lost().code()).isEqualTo(FailureCode.LOST);
    assertThat(Duration.ofNanos(bus.nanoTime() - start)).isLessThan(Duration.ofMillis(5_500));
    SessionSpec next = spec.resumedAfter(client.received.tokens());
    var resumed = new Client(gateway, "d2", next);
    Lossless.assertSameTokens(model.autoregressive(spec), resumed.finished().committed());
    bus.until("the other one is free", Duration.ofSeconds(2), () -> other.sessions() == 0);
    dying.swallow(kind -> false); // the zombie speaks again, and is told to stop
    bus.until("the zombie has ended", Duration.ofSeconds(12), () -> zombie.sessions() == 0 && toy.open() == 0);
  }

  @Test
  void shouldTellAtOnceThatTheDrafterHasLeft() {
    verifier("v1", toy, bus);
    SessionEndpoint leaving = drafter("d1", bus);
    var gateway = new RemoteSessions(node("g1", bus));
    var client = new Client(gateway, "d1", spec(9, 100_000));
    bus.until("it streams", MINUTES, () -> client.received.tokens().length() > 20);
    leaving.close();
    workers.leave("d1");
    assertThat(client.lost()).hasMessage("drafter d1 has left");
    assertThat(gateway.sessions()).isZero();
  }

  @Test
  void shouldRefuseALowerEpochAndSupersedeIt() {
    verifier("v1", toy, bus);
    SessionEndpoint endpoint = drafter("d1", bus);
    var g1 = new RemoteSessions(node("g1", bus));
    var g2 = new RemoteSessions(node("g2", bus));
    SessionSpec old = spec(10, 100_000);
    var client = new Client(g1, "d1", old);
    bus.until("it streams", MINUTES, () -> client.received.tokens().length() > 20);
    SessionSpec next = new SessionSpec(
        old.key().next(), old.prompt(), old.committed(), new StopRule(TokenIds.empty(), 60, 4096), old.sampling(),
        old.window());
    var taken = new Client(g2, "d1", next);
    Lossless.assertSameTokens(model.autoregressive(next), taken.finished().committed());
    assertThat(client.lost().code()).isEqualTo(FailureCode.UNKNOWN_SESSION);
    assertThat(new Client(g1, "d1", old).lost().code()).isEqualTo(FailureCode.STALE);
    bus.until("nothing is left", Duration.ofSeconds(2), () -> endpoint.sessions() == 0 && toy.open() == 0);
  }

  @Test
  void shouldRefuseAnOpenThatArrivesWhenItIsClosed() {
    verifier("v1", toy, bus);
    SessionEndpoint endpoint = drafter("d1", stillDelivering());
    var gateway = new RemoteSessions(node("g1", bus));
    var client = new Client(gateway, "d1", spec(33, 10));
    endpoint.close();
    assertThat(client.lost().code()).isEqualTo(FailureCode.DRAINING);
    assertThat(endpoint.sessions()).isZero();
  }

  /** A bus that still delivers shortly after a listener was closed. */
  private FrameBus stillDelivering() {
    return new FrameBus() {
      @Override
      public void send(String address, Buffer frame) {
        bus.send(address, frame);
      }

      @Override
      public Listening listen(String address, Consumer<Buffer> handler) {
        Listening listening = bus.listen(address, handler);
        return new Listening() {
          @Override
          public CompletionStage<Void> ready() {
            return listening.ready();
          }

          @Override
          public void close() {}
        };
      }

      @Override
      public Registration every(Duration period, Runnable action) {
        return bus.every(period, action);
      }

      @Override
      public long nanoTime() {
        return bus.nanoTime();
      }
    };
  }

  @Test
  void shouldRefuseMoreSessionsThanItMayRun() {
    verifier("v1", toy, bus);
    drafter("d1", bus, 1, spec -> new ToyDrafter(spec, model, DrafterKind.PLAUSIBLE));
    var gateway = new RemoteSessions(node("g1", bus));
    var client = new Client(gateway, "d1", spec(11, 100_000));
    bus.until("it streams", MINUTES, () -> client.received.tokens().length() > 20);
    SessionLostException refused = new Client(gateway, "d1", spec(12, 10)).lost();
    assertThat(refused.code()).isEqualTo(FailureCode.OVERLOADED);
    assertThat(refused).hasMessageContaining("d1 runs 1 sessions");
  }

  @Test
  void shouldTellBadInputFromABreakdownAndFromALostVerifier() {
    verifier("v1", toy, bus);
    drafter("bad", bus, 9, spec -> {
      throw InputException.of("prompt[3]", 99, "is outside the vocabulary of 13");
    });
    drafter("broken", bus, 9, spec -> {
      throw new IllegalStateException("no device");
    });
    drafter("alone", bus);
    var gateway = new RemoteSessions(node("g1", bus));
    SessionLostException bad = new Client(gateway, "bad", spec(13, 10)).lost();
    assertThat(bad.code()).isEqualTo(FailureCode.BAD_INPUT);
    assertThat(bad).hasMessageContaining("prompt[3]=99: is outside the vocabulary of 13");
    assertThat(new Client(gateway, "broken", spec(14, 10)).lost().code()).isEqualTo(FailureCode.INTERNAL);
    verifiers.getFirst().close();
    workers.leave("v1");
    assertThat(new Client(gateway, "alone", spec(15, 10)).lost().code()).isEqualTo(FailureCode.VERIFIER_LOST);
    assertNothingIsLeft(gateway, Duration.ofSeconds(3));
  }

  @Test
  void shouldLetSessionsFinishWhileDrainingAndHandOverTheRest() {
    verifier("v1", toy, bus);
    SessionEndpoint endpoint = drafter("d1", bus);
    var gateway = new RemoteSessions(node("g1", bus));
    SessionSpec small = spec(16, 60);
    var endless = new Client(gateway, "d1", spec(17, 100_000));
    var finishing = new Client(gateway, "d1", small);
    bus.until("both stream", MINUTES,
        () -> endless.received.tokens().length() > 5 && finishing.received.tokens().length() > 5);
    endless.slow = true;
    var drained = endpoint.drain(Duration.ofSeconds(3)).toCompletableFuture();
    assertThat(new Client(gateway, "d1", spec(18, 10)).lost().code()).isEqualTo(FailureCode.DRAINING);
    Lossless.assertSameTokens(model.autoregressive(small), finishing.finished().committed());
    assertThat(endless.lost().code()).isEqualTo(FailureCode.DRAINING);
    bus.until("it is drained", Duration.ofSeconds(5), drained::isDone);
    assertNothingIsLeft(gateway, Duration.ofSeconds(2));
  }

  @Test
  void shouldSurviveTheLossOfEveryKindOfFrame() {
    var faulty = new FaultyFrameBus(bus, 11, 0.1);
    var works = new AtomicInteger();
    VerifyEndpoint v1 = verifier("v1", moody(new ForgetfulVerifierHost(toy, 0.05, 3), works), faulty);
    drafter("d1", faulty);
    drafter("broken", faulty, 9, spec -> {
      throw new IllegalStateException("no device");
    });
    var gateway = new RemoteSessions(node("g1", faulty));
    // Undisturbed sessions, one after the other, with rejections in flight, forgotten state and overload.
    for (long session = 20; session < 26; session++) {
      SessionSpec spec = spec(session, 80);
      Lossless.assertSameTokens(model.autoregressive(spec), new Client(gateway, "d1", spec).finished().committed());
    }
    // A client that reads nothing for a while, one that cancels, a drafter that fails.
    SessionSpec slow = spec(26, 80);
    var sleeper = new Client(gateway, "d1", slow);
    sleeper.slow = true;
    bus.until("it is parked", MINUTES, () -> sleeper.received.tokens().length() >= CREDIT);
    bus.advance(Duration.ofSeconds(20));
    sleeper.wake();
    Lossless.assertSameTokens(model.autoregressive(slow), sleeper.finished().committed());
    var cancelled = new Client(gateway, "d1", spec(27, 100_000));
    bus.until("it streams", MINUTES, () -> cancelled.received.tokens().length() > 20);
    cancelled.session.cancel();
    assertThat(cancelled.finished().reason()).isEqualTo(StopReason.CANCELLED);
    assertThat(new Client(gateway, "broken", spec(28, 10)).lost().code()).isEqualTo(FailureCode.INTERNAL);
    // A zombie: the same session continues under another epoch at the same verifier.
    SessionSpec old = spec(29, 200);
    var zombie = new Client(gateway, "d1", old);
    bus.until("it streams", MINUTES, () -> zombie.received.tokens().length() > 20);
    drafter("d2", faulty);
    SessionSpec next = old.resumedAfter(zombie.received.tokens());
    var taken = new Client(gateway, "d2", next);
    Lossless.assertSameTokens(model.autoregressive(old), taken.finished().committed());
    assertThat(zombie.finished().reason()).isIn(StopReason.SUPERSEDED, StopReason.LENGTH);
    // A verifier that restarts under its old name, and one that refuses everything.
    SessionSpec restart = spec(30, 200);
    var client = new Client(gateway, "d1", restart);
    bus.until("it streams", MINUTES, () -> client.received.tokens().length() > 20);
    v1.close();
    verifier("v1", toy, faulty);
    Lossless.assertSameTokens(model.autoregressive(restart), client.finished().committed());
    verifiers.getLast().drain();
    assertThat(new Client(gateway, "d1", spec(31, 10)).lost().code()).isEqualTo(FailureCode.VERIFIER_LOST);
    drafters.getFirst().drain(Duration.ofSeconds(1));
    assertThat(new Client(gateway, "d1", spec(32, 10)).lost().code()).isEqualTo(FailureCode.DRAINING);
    assertThat(faulty.spared()).isEmpty();
    assertNothingIsLeft(gateway, Duration.ofSeconds(60));
  }

  /** Overloaded every ninth time. */
  private static VerifierHost moody(VerifierHost host, AtomicInteger works) {
    return (key, sampling) -> {
      VerifierSession session = host.open(key, sampling);
      return new VerifierSession() {
        @Override
        public int cached() {
          return session.cached();
        }

        @Override
        public VerifyReply answer(Work work) throws InterruptedException {
          return works.incrementAndGet() % 9 == 0
              ? new VerifyReply.Overloaded(work.seq(), Duration.ofMillis(1))
              : session.answer(work);
        }

        @Override
        public void close() {
          session.close();
        }
      };
    };
  }

  private void assertNothingIsLeft(RemoteSessions gateway, Duration within) {
    bus.until("no session is left anywhere", within, () -> gateway.sessions() == 0
        && drafters.stream().allMatch(each -> each.sessions() == 0)
        && verifiers.stream().allMatch(each -> each.sessions() == 0)
        && toy.open() == 0);
  }

  /** A client that reads at once, unless slow. */
  private final class Client {
    private final Received received;
    private final SessionHost.Session session;
    private volatile boolean slow;

    private Client(RemoteSessions gateway, String drafter, SessionSpec spec) {
      received = new Received(spec.committed(), this::took);
      session = gateway.host(drafter, CREDIT, "").open(spec, received);
    }

    private void took(int length) {
      if (!slow && session != null) {
        session.acknowledge(length);
      }
    }

    private void wake() {
      slow = false;
      session.acknowledge(received.tokens().length());
    }

    private Outcome finished() {
      return SessionEndpointTest.this.finished(session);
    }

    private SessionLostException lost() {
      CompletableFuture<Outcome> outcome = session.outcome().toCompletableFuture();
      bus.until("the session is lost", MINUTES, outcome::isDone);
      try {
        throw new AssertionError("it ended: " + outcome.join());
      } catch (CompletionException failed) {
        return (SessionLostException) failed.getCause();
      }
    }
  }

  private Outcome finished(SessionHost.Session session) {
    CompletableFuture<Outcome> outcome = session.outcome().toCompletableFuture();
    bus.until("the session has ended", MINUTES, outcome::isDone);
    return outcome.join();
  }

  private VerifyEndpoint verifier(String id, VerifierHost host, FrameBus its) {
    workers.join(Role.VERIFY, id);
    var endpoint = new VerifyEndpoint(node(id, its), host, 100, SessionSpans.none());
    verifiers.add(endpoint);
    return endpoint;
  }

  private SessionEndpoint drafter(String id, FrameBus its) {
    return drafter(id, its, 100, spec -> new ToyDrafter(spec, model, DrafterKind.PLAUSIBLE));
  }

  private SessionEndpoint drafter(
      String id, FrameBus its, int maxSessions, Function<SessionSpec, Drafter> toyDrafters) {
    workers.join(Role.DRAFT, id);
    SessionSpans spans = SessionSpans.none();
    var remote = new RemoteVerifiers(node(id, its), workers::verifier, spans::traceparent, 4);
    var endpoint = new SessionEndpoint(
        node(id, its), new LocalSessionHost(toyDrafters, remote::verifier), maxSessions, spans);
    drafters.add(endpoint);
    return endpoint;
  }

  private TransportNode node(String id, FrameBus its) {
    return new TransportNode(its, id, workers);
  }

  private static SessionSpec spec(long session, int maxTokens) {
    return new SessionSpec(
        new SessionKey(session, 0),
        TokenIds.of(1, 2, 3, 4, 5, 6, 7, 8),
        new StopRule(TokenIds.empty(), maxTokens, 200_000),
        SamplingParams.sampled(0.8, session),
        TWO_WINDOWS);
  }
}
