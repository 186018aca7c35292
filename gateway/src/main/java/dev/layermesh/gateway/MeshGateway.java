package dev.layermesh.gateway;

import dev.layermesh.decoding.InputException;
import dev.layermesh.gateway.mesh.MeshModelSource;
import dev.layermesh.gateway.mesh.SessionSupervisor;
import dev.layermesh.gateway.turn.ModelSource;
import dev.layermesh.mesh.files.ModelFilesCache;
import dev.layermesh.mesh.files.ModelFilesClient;
import dev.layermesh.mesh.membership.MeshNode;
import dev.layermesh.mesh.membership.Placement;
import dev.layermesh.mesh.membership.Workers;
import dev.layermesh.mesh.telemetry.Telemetry;
import dev.layermesh.mesh.transport.EventBusFrameBus;
import dev.layermesh.mesh.transport.RemoteSessions;
import dev.layermesh.mesh.transport.TransportNode;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Duration;
import java.time.InstantSource;
import java.util.concurrent.CompletionException;
import java.util.concurrent.TimeUnit;

/**
 * A gateway in the mesh: it finds workers, fetches their tokenizer and runs sessions on them. Starting and closing
 * block, so call them on a main or virtual thread. The caller closes the node and its workers after this.
 */
public final class MeshGateway implements AutoCloseable {
  /** Time between two checks of an idle gateway for a model it does not know. */
  private static final Duration LOOK = Duration.ofMillis(200);
  /** Time that sockets and HTTP connections get to close when no stream runs. */
  private static final Duration CLOSING = Duration.ofSeconds(5);

  private final MeshNode node;
  private final GatewayOptions options;
  private final RemoteSessions sessions;
  private final MeshModelSource models;
  private final long looking;
  private final Gateway gateway;

  private MeshGateway(
      MeshNode node, GatewayOptions options, RemoteSessions sessions, MeshModelSource models, long looking,
      Gateway gateway) {
    this.node = node;
    this.options = options;
    this.sessions = sessions;
    this.models = models;
    this.looking = looking;
    this.gateway = gateway;
  }

  /**
   * Joins the mesh and listens for clients. It needs no worker to start.
   *
   * @param workers the workers of the mesh
   * @param cache where fetched tokenizers are kept, see {@link ModelFilesCache#defaultRoot}
   * @throws InputException if the address cannot be listened on; then nothing keeps running
   */
  public static MeshGateway start(
      MeshNode node, Workers workers, GatewayOptions options, Path cache, Telemetry telemetry) {
    var random = new SecureRandom();
    String id = "gateway-%016x".formatted(random.nextLong());
    var sessions = new RemoteSessions(new TransportNode(new EventBusFrameBus(node.vertx()), id, workers));
    var placement = new Placement(workers, random);
    var files = new ModelFilesClient(node.vertx());
    var models =
        new MeshModelSource(
            placement, files::fetch, new ModelFilesCache(cache), options.window(), options.modelSampling(),
            InstantSource.system());
    long looking = node.vertx().setPeriodic(LOOK.toMillis(), timer -> models.state());
    try {
      sessions.ready().toCompletableFuture().join();
      var supervisor =
          new SessionSupervisor(
              sessions::host, placement, options.creditTokens(), telemetry.tracer(), clock(node.vertx()));
      Gateway gateway = await(
          Gateway.start(node.vertx(), options, models, supervisor, telemetry.openTelemetry()), Duration.ofSeconds(30));
      return new MeshGateway(node, options, sessions, models, looking, gateway);
    } catch (RuntimeException refused) {
      node.vertx().cancelTimer(looking);
      sessions.close();
      models.close();
      throw refused;
    }
  }

  private static SessionSupervisor.Clock clock(Vertx vertx) {
    return new SessionSupervisor.Clock() {
      @Override
      public long nanos() {
        return System.nanoTime();
      }

      @Override
      public void after(Duration delay, Runnable then) {
        vertx.setTimer(delay.toMillis(), id -> then.run());
      }
    };
  }

  /** The port clients connect to. */
  public int port() {
    return gateway.port();
  }

  /** Where the page is. */
  public String url() {
    return gateway.url();
  }

  /** Whether a generation could start now. */
  public boolean ready() {
    return models.state() instanceof ModelSource.State.Ready;
  }

  /** Gives running streams the drain time of the options to finish, then closes everything. */
  @Override
  public void close() {
    try {
      await(gateway.close(), options.drain().plus(CLOSING));
    } finally {
      node.vertx().cancelTimer(looking);
      sessions.close();
      models.close();
    }
  }

  private static <T> T await(Future<T> future, Duration limit) {
    try {
      return future.toCompletionStage().toCompletableFuture().orTimeout(limit.toMillis(), TimeUnit.MILLISECONDS).join();
    } catch (CompletionException failure) {
      throw failure.getCause() instanceof RuntimeException cause ? cause : failure;
    }
  }
}
