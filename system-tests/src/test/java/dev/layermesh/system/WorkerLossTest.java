package dev.layermesh.system;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.layermesh.decoding.SamplingParams;
import dev.layermesh.decoding.SessionSpec;
import dev.layermesh.decoding.StopReason;
import dev.layermesh.decoding.TokenIds;
import dev.layermesh.decoding.WindowPolicy;
import dev.layermesh.decoding.loop.Outcome;
import dev.layermesh.draft.DraftWorker;
import dev.layermesh.engine.EngineOptions;
import dev.layermesh.mesh.membership.MeshOptions;
import dev.layermesh.mesh.transport.SessionLostException;
import dev.layermesh.testkit.Await;
import dev.layermesh.testkit.Fixtures;
import dev.layermesh.testkit.Lossless;
import dev.layermesh.verify.VerifyWorker;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Streams outlive lost workers, or end so that another worker can resume them; sessions of lost clients are freed. */
@Timeout(value = 1, unit = TimeUnit.MINUTES)
class WorkerLossTest {
  private static final EngineOptions ENGINE = SplitModel.unshared(EngineOptions.of(Fixtures.bundledModel()));
  private static final TokenIds PROMPT = Fixtures.golden(Fixtures.bundledModel()).cases().getFirst().promptIds();
  private static final WindowPolicy WINDOW = WindowPolicy.sequential(4);
  private static final SamplingParams SAMPLING = SamplingParams.sampled(0.8, 7);
  private static final int TOKENS = 300;
  private static final int CREDIT = 16;

  private static MeshOptions options;
  private static SplitModel model;
  private static ClusterNode drafts;
  private static ClusterNode verifies;
  private static ClusterNode front;
  private static Gateway gateway;

  @BeforeAll
  static void join() {
    options = ClusterNode.options();
    model = SplitModel.open(ENGINE);
    drafts = ClusterNode.join(options);
    verifies = ClusterNode.join(options);
    front = ClusterNode.join(options);
    gateway = new Gateway(front);
  }

  @AfterAll
  static void leave() {
    gateway.close();
    List.of(front, verifies, drafts).forEach(ClusterNode::close);
    model.close();
  }

  private static SessionSpec spec(WindowPolicy window) {
    return model.spec(PROMPT, TOKENS, SAMPLING, window);
  }

  private static SessionSpec endless() {
    return model.spec(PROMPT, model.contextLength(), SAMPLING, WINDOW);
  }

  private static void awaitNothingLeft(Duration limit, DraftWorker draft, VerifyWorker verify) {
    Await.until("no worker holds a session", limit, () -> draft.sessions() + verify.sessions() == 0);
  }

  @ParameterizedTest
  @CsvSource({"4,1,false", "3,2,true"})
  void shouldContinueWithAnotherVerifierWithoutRunningAnyEarlyLayerAgain(int draftTokens, int windows, boolean tail) {
    SessionSpec spec = spec(new WindowPolicy(draftTokens, windows, tail));
    Outcome undisturbed = model.alone(spec);
    ClusterNode doomed = ClusterNode.join(options);
    try (var other = SplitModel.verify(ENGINE); DraftWorker draft = drafts.draft(model.draft())) {
      VerifyWorker dying = doomed.verify(other);
      gateway.awaitWorkers(1, 1);
      Gateway.Stream stream = gateway.open(spec, CREDIT);
      stream.awaitTokens(CREDIT);
      assertThat(dying.sessions()).isEqualTo(1);
      try (VerifyWorker verify = verifies.verify(model.verify())) {
        gateway.awaitWorkers(1, 2);
        stream.session().acknowledge(TOKENS / 2); // it cannot end before the kill
        stream.awaitTokens(2 * CREDIT);
        doomed.kill();
        stream.session().acknowledge(TOKENS);
        Outcome outcome = stream.finished();
        Lossless.assertSameTokens(undisturbed.committed(), outcome.committed());
        Lossless.assertSameTokens(undisturbed.committed(), stream.tokens());
        assertThat(outcome.stats().earlyRows()).isEqualTo(undisturbed.stats().earlyRows());
        assertThat(outcome.stats().lateRows()).as("the second verifier ran all rows")
            .isGreaterThan(undisturbed.stats().lateRows());
        awaitNothingLeft(Duration.ofSeconds(5), draft, verify);
      }
    }
    gateway.awaitWorkers(0, 0);
  }

  @Test
  void shouldContinueIdenticallyOnAnotherDrafterUnderTheNextEpoch() {
    SessionSpec spec = spec(WINDOW);
    TokenIds expected = model.autoregressive(spec);
    ClusterNode doomed = ClusterNode.join(options);
    try (var other = SplitModel.draft(ENGINE); VerifyWorker verify = verifies.verify(model.verify())) {
      DraftWorker dying = doomed.draft(other);
      gateway.awaitWorkers(1, 1);
      Gateway.Stream stream = gateway.open(spec, CREDIT);
      stream.awaitTokens(CREDIT);
      assertThat(dying.sessions()).isEqualTo(1);
      try (DraftWorker draft = drafts.draft(model.draft())) {
        gateway.awaitWorkers(2, 1);
        stream.session().acknowledge(TOKENS / 2);
        stream.awaitTokens(2 * CREDIT);
        long start = System.nanoTime();
        doomed.kill();
        assertThatThrownBy(stream::finished).hasCauseInstanceOf(SessionLostException.class);
        assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(10));
        assertThat(stream.tokens().length()).isBetween(2 * CREDIT, TOKENS - 1);
        gateway.awaitWorkers(1, 1);
        Gateway.Stream resumed = gateway.open(spec.resumedAfter(stream.tokens()), Gateway.UNLIMITED);
        Lossless.assertSameTokens(expected, resumed.finished().committed());
        Lossless.assertSameTokens(expected, resumed.tokens());
        awaitNothingLeft(Duration.ofSeconds(5), draft, verify);
      }
    }
    gateway.awaitWorkers(0, 0);
  }

  @Test
  void shouldLeaveNothingOfACancelledSession() {
    try (VerifyWorker verify = verifies.verify(model.verify());
        DraftWorker draft = drafts.draft(model.draft())) {
      gateway.awaitWorkers(1, 1);
      Gateway.Stream stream = gateway.open(endless(), Gateway.UNLIMITED);
      stream.awaitTokens(CREDIT);
      stream.session().cancel();
      assertThat(stream.finished().reason()).isEqualTo(StopReason.CANCELLED);
      awaitNothingLeft(Duration.ofSeconds(3), draft, verify);
      assertThat(gateway.sessions()).isZero();
    }
    gateway.awaitWorkers(0, 0);
  }

  @Test
  void shouldLeaveNothingOfAGatewayThatVanishes() {
    try (VerifyWorker verify = verifies.verify(model.verify());
        DraftWorker draft = drafts.draft(model.draft())) {
      ClusterNode doomed = ClusterNode.join(options);
      var vanishing = new Gateway(doomed);
      vanishing.awaitWorkers(1, 1);
      Gateway.Stream stream = vanishing.open(endless(), CREDIT);
      stream.awaitTokens(CREDIT);
      assertThat(draft.sessions() + verify.sessions()).isEqualTo(2);
      doomed.kill();
      awaitNothingLeft(Duration.ofSeconds(15), draft, verify);
    }
    gateway.awaitWorkers(0, 0);
  }

  @Test
  void shouldParkADrafterWithinTheCreditOfASlowClientAndThenContinueIdentically() {
    try (VerifyWorker verify = verifies.verify(model.verify());
        DraftWorker draft = drafts.draft(model.draft())) {
      gateway.awaitWorkers(1, 1);
      SessionSpec spec = spec(WINDOW);
      TokenIds expected = model.autoregressive(spec);
      long rowsBefore = draft.lane().rows();
      Gateway.Stream stream = gateway.open(spec, CREDIT);
      stream.awaitTokens(CREDIT);
      long start = System.nanoTime();
      Await.until("two seconds pass", Duration.ofSeconds(5), () -> System.nanoTime() - start > 2_000_000_000L);
      int overshoot = WINDOW.draftTokens() + 1; // the round that crosses the line is whole
      assertThat(stream.tokens().length()).isBetween(CREDIT, CREDIT + overshoot - 1);
      assertThat(draft.lane().rows() - rowsBefore).as("rows of the received tokens alone").isEqualTo(stream.rows());
      assertThat(verify.sessions()).as("the verifier keeps the session all the time").isEqualTo(1);
      stream.session().acknowledge(TOKENS);
      Lossless.assertSameTokens(expected, stream.finished().committed());
      awaitNothingLeft(Duration.ofSeconds(3), draft, verify);
    }
    gateway.awaitWorkers(0, 0);
  }
}
