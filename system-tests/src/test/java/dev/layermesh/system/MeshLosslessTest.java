package dev.layermesh.system;

import static org.assertj.core.api.Assertions.assertThat;

import dev.layermesh.decoding.AcceptanceRule;
import dev.layermesh.decoding.DraftChoice;
import dev.layermesh.decoding.SamplingParams;
import dev.layermesh.decoding.SessionKey;
import dev.layermesh.decoding.SessionSpec;
import dev.layermesh.decoding.TokenIds;
import dev.layermesh.decoding.loop.LocalSessionHost;
import dev.layermesh.decoding.loop.Outcome;
import dev.layermesh.decoding.loop.TokenSink;
import dev.layermesh.decoding.loop.VerifierHost;
import dev.layermesh.engine.EngineOptions;
import dev.layermesh.mesh.membership.MeshOptions;
import dev.layermesh.mesh.membership.Role;
import dev.layermesh.mesh.membership.WorkerAd;
import dev.layermesh.mesh.transport.EventBusFrameBus;
import dev.layermesh.mesh.transport.FaultyFrameBus;
import dev.layermesh.mesh.transport.FrameBus;
import dev.layermesh.mesh.transport.RemoteSessions;
import dev.layermesh.mesh.transport.RemoteVerifiers;
import dev.layermesh.mesh.transport.SessionEndpoint;
import dev.layermesh.mesh.transport.SessionSpans;
import dev.layermesh.mesh.transport.TransportNode;
import dev.layermesh.mesh.transport.TransportTimes;
import dev.layermesh.mesh.transport.VerifyEndpoint;
import dev.layermesh.mesh.wire.Kind;
import dev.layermesh.testkit.Await;
import dev.layermesh.testkit.DraftOracle;
import dev.layermesh.testkit.DrafterKind;
import dev.layermesh.testkit.Fixtures;
import dev.layermesh.testkit.ForgetfulVerifierHost;
import dev.layermesh.testkit.LosslessMatrix;
import dev.layermesh.testkit.SessionRunner;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The law over three clustered nodes: whatever is drafted, lost, repeated, late or forgotten, the tokens are those of
 * autoregressive decoding.
 */
@Timeout(value = 3, unit = TimeUnit.MINUTES)
class MeshLosslessTest {
  private static final TokenIds PROMPT = Fixtures.golden(Fixtures.tinyLlama3()).cases().getFirst().promptIds();
  private static final List<SamplingParams> SAMPLINGS = List.of(
      SamplingParams.GREEDY, new SamplingParams(0.9, 11, 0.95, 4711, AcceptanceRule.SHARED_NOISE));
  private static final int UNUSED_ID = 7;
  private static final double FAULTS = 0.1;
  private static final Duration LIMIT = Duration.ofSeconds(60);

  /** Frames that are not sent where no worker leaves, drains, overflows, fails or idles. */
  private static final Set<Kind> UNSAID = EnumSet.of(
      Kind.KEEP_ALIVE, Kind.VERIFIER_REFUSED, Kind.STALE_EPOCH, Kind.OVERLOADED, Kind.FAILED);

  /** Resends come soon; leases are long, because a busy machine may be silent. */
  private static final TransportTimes TIMES = new TransportTimes(
      Duration.ofMillis(10),
      Duration.ofMillis(40),
      Duration.ofMillis(400),
      Duration.ofSeconds(10),
      Duration.ofSeconds(20),
      Duration.ofSeconds(40),
      Duration.ofSeconds(60),
      Duration.ofSeconds(5),
      Duration.ofMillis(500),
      Duration.ofSeconds(60));

  private static ClusterNode drafts;
  private static ClusterNode verifies;
  private static ClusterNode front;

  @BeforeAll
  static void join() {
    MeshOptions options = ClusterNode.options();
    drafts = ClusterNode.join(options);
    verifies = ClusterNode.join(options);
    front = ClusterNode.join(options);
  }

  @AfterAll
  static void leave() {
    List.of(front, verifies, drafts).forEach(ClusterNode::close);
  }

  @ParameterizedTest
  @ValueSource(strings = {"scalar", "vector"})
  void shouldNotDependOnWhatIsDrafted(String backend) throws Exception {
    try (SplitModel model = open(backend);
        var mesh = new Mesh(model, model.verify(), bus(drafts), bus(verifies), bus(front))) {
      runMatrix(model, mesh);
    }
  }

  @Test
  void shouldNotDependOnWhatIsLostRepeatedLateOrForgotten() throws Exception {
    List<FaultyFrameBus> buses = new ArrayList<>();
    for (ClusterNode node : List.of(drafts, verifies, front)) {
      buses.add(new FaultyFrameBus(bus(node), buses.size(), FAULTS));
    }
    try (SplitModel model = open("auto")) {
      var forgetful = new ForgetfulVerifierHost(model.verify(), 0.01, 3);
      try (var mesh = new Mesh(model, forgetful, buses.get(0), buses.get(1), buses.get(2))) {
        runMatrix(model, mesh);
      }
      assertThat(forgetful.timesForgotten()).isPositive();
    }
    Set<Kind> spared = EnumSet.allOf(Kind.class);
    buses.forEach(bus -> spared.removeAll(bus.lost().keySet()));
    assertThat(spared).as("kinds that lost no frame").isSubsetOf(UNSAID);
  }

  private static SplitModel open(String backend) {
    return SplitModel.open(EngineOptions.of(Fixtures.tinyLlama3()).withExitLayer(4).withBackend(backend));
  }

  private static FrameBus bus(ClusterNode node) {
    return new EventBusFrameBus(node.node().vertx());
  }

  /** Every kind of drafter and sampling on a thread of its own: eight sessions share the mesh at any time. */
  private static void runMatrix(SplitModel model, Mesh mesh) throws Exception {
    var oracle = new DraftOracle(model::autoregressive, model.vocabSize());
    SessionRunner runner = (spec, kind, sink) -> mesh.run(model.fresh(spec), kind, oracle, sink);
    List<Callable<Integer>> parts = new ArrayList<>();
    for (DrafterKind kind : DrafterKind.adversaries()) {
      for (SamplingParams sampling : SAMPLINGS) {
        var part = new LosslessMatrix(runner, oracle::continuation, List.of(kind),
            LosslessMatrix.windows(List.of(1, 2), List.of(3)), List.of(sampling));
        parts.add(() -> part.assertLossless(PROMPT, model.contextLength(), UNUSED_ID));
      }
    }
    int sessions = 0;
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      for (Future<Integer> part : threads.invokeAll(parts)) {
        sessions += part.get();
      }
    }
    assertThat(sessions).isEqualTo(4 * 2 * 2 * 2 * 7);
    mesh.awaitNothingLeft();
  }

  /** A draft worker whose drafters obey an oracle, a verify worker and a gateway, on three buses. */
  private static final class Mesh implements AutoCloseable {
    private final Map<SessionKey, DraftChoice> choices = new ConcurrentHashMap<>();
    private final VerifyEndpoint verifier;
    private final RemoteVerifiers verifiers;
    private final SessionEndpoint drafter;
    private final RemoteSessions gateway;

    private Mesh(SplitModel model, VerifierHost host, FrameBus draftBus, FrameBus verifyBus, FrameBus frontBus) {
      WorkerAd ad = ad(model);
      var draftNode = new TransportNode(draftBus, "d", drafts.registry(), TIMES);
      verifier = new VerifyEndpoint(
          new TransportNode(verifyBus, ad.id(), verifies.registry(), TIMES), host, 100, SessionSpans.none());
      verifiers = new RemoteVerifiers(draftNode, _ -> Optional.of(ad), _ -> "", ad.hiddenSize());
      var loops = new LocalSessionHost(
          spec -> model.draft().drafter(spec, choices.remove(spec.key())), verifiers::verifier);
      drafter = new SessionEndpoint(draftNode, loops, 100, SessionSpans.none());
      gateway = new RemoteSessions(new TransportNode(frontBus, "g", front.registry(), TIMES));
      List.of(verifier.ready(), verifiers.ready(), drafter.ready(), gateway.ready())
          .forEach(ready -> ready.toCompletableFuture().join());
    }

    private static WorkerAd ad(SplitModel model) {
      var identity = model.verify().model();
      return new WorkerAd("v", Role.VERIFY, identity.name(), identity.fingerprint().id(), identity.arithmetic(),
          identity.exitLayer(), 4, identity.config().numLayers(), identity.config().hiddenSize(), model.vocabSize(),
          model.contextLength(), false, 0, false);
    }

    /** Runs a session whose client takes each round as it comes. */
    private Outcome run(
        SessionSpec spec, DrafterKind kind, DraftOracle oracle, TokenSink sink) throws Exception {
      choices.put(spec.key(), oracle.choice(spec, kind));
      var session = gateway.host("d", Gateway.UNLIMITED, "").open(spec, sink);
      return session.outcome().toCompletableFuture().get(LIMIT.toSeconds(), TimeUnit.SECONDS);
    }

    private void awaitNothingLeft() {
      Await.until("no worker holds a session", LIMIT,
          () -> gateway.sessions() + drafter.sessions() + verifiers.sessions() + verifier.sessions() == 0);
    }

    @Override
    public void close() {
      gateway.close();
      drafter.close();
      verifiers.close();
      verifier.close();
    }
  }
}
