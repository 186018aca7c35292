package dev.layermesh.draft;

import dev.layermesh.decoding.SamplingParams;
import dev.layermesh.decoding.SessionSpec;
import dev.layermesh.decoding.WindowPolicy;
import dev.layermesh.decoding.loop.LocalSessionHost;
import dev.layermesh.engine.lane.LaneStats;
import dev.layermesh.engine.speculation.DraftModel;
import dev.layermesh.engine.speculation.ModelIdentity;
import dev.layermesh.mesh.membership.MeshNode;
import dev.layermesh.mesh.membership.Placement;
import dev.layermesh.mesh.membership.Role;
import dev.layermesh.mesh.membership.WorkerAd;
import dev.layermesh.mesh.membership.WorkerRegistry;
import dev.layermesh.mesh.telemetry.Telemetry;
import dev.layermesh.mesh.transport.EventBusFrameBus;
import dev.layermesh.mesh.transport.RemoteVerifiers;
import dev.layermesh.mesh.transport.SessionEndpoint;
import dev.layermesh.mesh.transport.SessionSpans;
import dev.layermesh.mesh.transport.TransportNode;
import dev.layermesh.mesh.worker.WorkerPresence;
import java.time.Duration;
import java.util.Random;

/**
 * A draft worker: runs the early layers of a model and the loop of every session that gateways open on it. Starting,
 * draining and closing block and belong on a main or virtual thread. The caller closes the node, the registry and the
 * model, after this.
 */
public final class DraftWorker implements AutoCloseable {
  private static final Duration CLOSING = Duration.ofSeconds(3);

  /** Bytes of the distributions in a window at most: one message carries them all and delays other sessions'. */
  private static final int MAX_DISTRIBUTION_BYTES = 4 << 20;

  private final DraftModel model;
  private final RemoteVerifiers verifiers;
  private final SessionEndpoint endpoint;
  private final WorkerPresence presence;
  private final Telemetry.Shown numbers;

  private DraftWorker(
      DraftModel model, RemoteVerifiers verifiers, SessionEndpoint endpoint, WorkerPresence presence,
      Telemetry.Shown numbers) {
    this.model = model;
    this.verifiers = verifiers;
    this.endpoint = endpoint;
    this.presence = presence;
    this.numbers = numbers;
  }

  /**
   * Starts a worker and announces it to the mesh.
   *
   * @param maxSessions sessions run at most
   * @throws dev.layermesh.decoding.InputException when the mesh serves another model or exit layer
   */
  public static DraftWorker start(
      MeshNode node, WorkerRegistry registry, DraftModel model, int maxSessions, Telemetry telemetry) {
    return start(node, registry, model, maxSessions, WindowPolicy.MAX_DRAFT_TOKENS, telemetry);
  }

  /**
   * The same, with a limit on the draft tokens of a round.
   *
   * @param mostDrafted tokens drafted in a round at most, whatever a session's window says
   */
  public static DraftWorker start(
      MeshNode node, WorkerRegistry registry, DraftModel model, int maxSessions, int mostDrafted, Telemetry telemetry) {
    WorkerAd ad = ad(model.model());
    var placement = new Placement(registry, new Random());
    var transport = new TransportNode(new EventBusFrameBus(node.vertx()), ad.id(), registry);
    var spans = new SessionSpans(telemetry.tracer(), "session");
    var verifiers = new RemoteVerifiers(
        transport, suspects -> placement.verify(ad, suspects), spans::traceparent, ad.hiddenSize());
    var local = new LocalSessionHost(model::drafter, verifiers::verifier);
    var endpoint = new SessionEndpoint(
        transport, (spec, sink) -> local.open(limited(spec, mostDrafted, ad.vocabSize()), sink), maxSessions, spans);
    try {
      verifiers.ready().toCompletableFuture().join();
      endpoint.ready().toCompletableFuture().join();
      ModelIdentity identity = model.model();
      var presence = WorkerPresence.open(
          node, registry, ad, identity.fingerprint().parts(), identity.files().contents(), endpoint::sessions);
      return new DraftWorker(
          model, verifiers, endpoint, presence, telemetry.show("draft", () -> model.memory().byName()));
    } catch (RuntimeException refused) {
      endpoint.close();
      verifiers.close();
      throw refused;
    }
  }

  static SessionSpec limited(SessionSpec spec, int mostDrafted, int vocabSize) {
    WindowPolicy asked = spec.window();
    int most = Math.min(mostDrafted, mostSent(spec.sampling(), vocabSize));
    var window = new WindowPolicy(Math.min(asked.draftTokens(), most), asked.windows(), asked.tail());
    return new SessionSpec(spec.key(), spec.prompt(), spec.committed(), spec.stops(), spec.sampling(), window);
  }

  /** Draft tokens whose distributions a message may carry: top-k bounds what is kept of each, top-p does not. */
  private static int mostSent(SamplingParams sampling, int vocabSize) {
    if (sampling.greedy() || !sampling.acceptance().readsDraftDistributions()) {
      return WindowPolicy.MAX_DRAFT_TOKENS;
    }
    int kept = sampling.topK() == 0 ? vocabSize : Math.min(sampling.topK(), vocabSize);
    return Math.max(1, MAX_DISTRIBUTION_BYTES / (kept * Float.BYTES));
  }

  private static WorkerAd ad(ModelIdentity model) {
    return new WorkerAd(
        WorkerAd.newId(Role.DRAFT), Role.DRAFT, model.name(), model.fingerprint().id(), model.arithmetic(),
        model.exitLayer(), model.window().draftTokens(), model.config().numLayers(), model.config().hiddenSize(),
        model.config().vocabSize(), model.config().maxPositions(), false, 0, false);
  }

  /** Sessions that run, or whose gateway has not acknowledged their end. */
  public int sessions() {
    return endpoint.sessions();
  }

  /** Counters of the lane. */
  public LaneStats lane() {
    return model.stats();
  }

  /** Refuses new sessions and waits for the running ones; after {@code limit} gateways resume them elsewhere. */
  public void drain(Duration limit) {
    presence.drain();
    endpoint.drain(limit).toCompletableFuture().join();
  }

  /**
   * Leaves the mesh and cancels all sessions. Returns when their loops have ended, so that the model may be closed, and
   * when the verifiers have freed them, but after three seconds at the latest.
   */
  @Override
  public void close() {
    numbers.close();
    presence.close();
    endpoint.close();
    long start = System.nanoTime();
    try {
      while (endpoint.sessions() + verifiers.sessions() > 0 && System.nanoTime() - start < CLOSING.toNanos()) {
        Thread.sleep(10);
      }
    } catch (InterruptedException hurried) {
      Thread.currentThread().interrupt();
    }
    verifiers.close();
  }
}
