package dev.layermesh.verify;

import dev.layermesh.engine.lane.LaneStats;
import dev.layermesh.engine.speculation.ModelIdentity;
import dev.layermesh.engine.speculation.VerifyModel;
import dev.layermesh.mesh.membership.MeshNode;
import dev.layermesh.mesh.membership.Role;
import dev.layermesh.mesh.membership.WorkerAd;
import dev.layermesh.mesh.membership.WorkerRegistry;
import dev.layermesh.mesh.telemetry.Telemetry;
import dev.layermesh.mesh.transport.EventBusFrameBus;
import dev.layermesh.mesh.transport.SessionSpans;
import dev.layermesh.mesh.transport.TransportNode;
import dev.layermesh.mesh.transport.VerifyEndpoint;
import dev.layermesh.mesh.worker.WorkerPresence;
import java.time.Duration;

/**
 * A verify worker: runs the late layers of a model for the drafters of the mesh. Starting, draining and closing block
 * and belong on a main or virtual thread. The caller closes the node, the registry and the model, after this.
 */
public final class VerifyWorker implements AutoCloseable {
  private static final Duration CLOSING = Duration.ofSeconds(3);

  private final VerifyModel model;
  private final VerifyEndpoint endpoint;
  private final WorkerPresence presence;
  private final Telemetry.Shown numbers;

  private VerifyWorker(
      VerifyModel model, VerifyEndpoint endpoint, WorkerPresence presence, Telemetry.Shown numbers) {
    this.model = model;
    this.endpoint = endpoint;
    this.presence = presence;
    this.numbers = numbers;
  }

  /**
   * Starts a worker and announces it to the mesh.
   *
   * @param full whether {@code model} holds the early layers too
   * @param maxSessions sessions held at most
   * @throws dev.layermesh.decoding.InputException when the mesh serves another model or exit layer
   */
  public static VerifyWorker start(
      MeshNode node, WorkerRegistry registry, VerifyModel model, boolean full, int maxSessions, Telemetry telemetry) {
    WorkerAd ad = ad(model.model(), full);
    var transport = new TransportNode(new EventBusFrameBus(node.vertx()), ad.id(), registry);
    var endpoint =
        new VerifyEndpoint(transport, model, maxSessions, new SessionSpans(telemetry.tracer(), "verify"));
    try {
      endpoint.ready().toCompletableFuture().join();
      ModelIdentity identity = model.model();
      var presence = WorkerPresence.open(
          node, registry, ad, identity.fingerprint().parts(), identity.files().contents(), endpoint::sessions);
      return new VerifyWorker(
          model, endpoint, presence, telemetry.show("verify", () -> model.memory().byName()));
    } catch (RuntimeException refused) {
      endpoint.close();
      throw refused;
    }
  }

  private static WorkerAd ad(ModelIdentity model, boolean full) {
    return new WorkerAd(
        WorkerAd.newId(Role.VERIFY), Role.VERIFY, model.name(), model.fingerprint().id(), model.arithmetic(),
        model.exitLayer(), model.window().draftTokens(), model.config().numLayers(), model.config().hiddenSize(),
        model.config().vocabSize(), model.config().maxPositions(), full, 0, false);
  }

  /** Sessions whose caches are not free. */
  public int sessions() {
    return endpoint.sessions();
  }

  /** Counters of the lane. */
  public LaneStats lane() {
    return model.stats();
  }

  /** Refuses new sessions and waits for the running ones, at most {@code limit}. */
  public void drain(Duration limit) throws InterruptedException {
    presence.drain();
    endpoint.drain();
    awaitNone(limit);
  }

  /** Leaves the mesh and ends all sessions; returns when their caches are free, after three seconds at the latest. */
  @Override
  public void close() {
    numbers.close();
    presence.close();
    endpoint.close();
    try {
      awaitNone(CLOSING);
    } catch (InterruptedException hurried) {
      Thread.currentThread().interrupt();
    }
  }

  private void awaitNone(Duration limit) throws InterruptedException {
    long start = System.nanoTime();
    while (endpoint.sessions() > 0 && System.nanoTime() - start < limit.toNanos()) {
      Thread.sleep(10);
    }
  }
}
