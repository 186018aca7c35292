package dev.layermesh.mesh.membership;

import com.hazelcast.core.HazelcastInstance;
import dev.layermesh.decoding.InputException;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.VertxOptions;
import io.vertx.core.eventbus.EventBusOptions;
import io.vertx.spi.cluster.hazelcast.HazelcastClusterManager;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.time.Duration;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * This process as a node of the mesh: a clustered Vert.x with one event loop, and its Hazelcast member.
 *
 * <p>{@link #join} and {@link #close} block and belong on a main or virtual thread, never on an event loop. The process
 * installs no shutdown hook for the cluster: a node that ends without {@code close} looks to the others like one that
 * was killed.
 */
public final class MeshNode implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(MeshNode.class);
  /** Vert.x keeps its node id in this attribute of the Hazelcast member; unlike the member's uuid it outlives a merge. */
  static final String NODE_ID_ATTRIBUTE = "__vertx.nodeId";
  /** Longer than Hazelcast itself tries, so that its own reason is reported. */
  private static final Duration JOIN_DEADLINE = Duration.ofSeconds(HazelcastSettings.JOIN_SECONDS * 3L);
  private static final Duration CLOSE_DEADLINE = Duration.ofSeconds(15);

  private final Vertx vertx;
  private final HazelcastClusterManager cluster;
  private final MeshOptions options;

  private MeshNode(Vertx vertx, HazelcastClusterManager cluster, MeshOptions options) {
    this.vertx = vertx;
    this.cluster = cluster;
    this.options = options;
  }

  /**
   * Joins the cluster, or founds it when nobody answers; on return the event bus works.
   *
   * @throws InputException if the address cannot be bound, every port of the range is taken, or what answers at the
   *     peers is no mesh; nothing is left running then
   */
  public static MeshNode join(MeshOptions options) {
    InetAddress bind = options.bindAddress();
    requireFreePort(options, bind);
    HazelcastClusterManager cluster = new HazelcastClusterManager(HazelcastSettings.of(options, bind));
    Future<Vertx> joining = Vertx.builder()
        .with(vertxOptions(bind))
        .withClusterManager(cluster)
        .buildClustered();
    return new MeshNode(awaitJoin(joining, options, bind), cluster, options);
  }

  /** The clustered Vert.x; it ends with this node. */
  public Vertx vertx() {
    return vertx;
  }

  /** This node's name in the cluster, unique and new at every start. */
  public String nodeId() {
    return cluster.getNodeId();
  }

  /** What this node was started with. */
  public MeshOptions options() {
    return options;
  }

  /** Leaves the cluster: the others see it at once instead of after a timeout. */
  @Override
  public void close() {
    try {
      vertx.close().toCompletionStage().toCompletableFuture().get(CLOSE_DEADLINE.toMillis(), TimeUnit.MILLISECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } catch (ExecutionException | TimeoutException e) {
      LOG.warn("node {} did not leave the cluster cleanly", nodeId(), e);
    }
  }

  HazelcastInstance hazelcast() {
    return cluster.getHazelcastInstance();
  }

  private static VertxOptions vertxOptions(InetAddress bind) {
    EventBusOptions bus = new EventBusOptions();
    bus.setHost(bind.getHostAddress());
    bus.setClusterPublicHost(bind.getHostAddress());
    // A hung connection is closed, and what waits on it fails, within 5 s.
    bus.setClusterPingInterval(2000);
    bus.setClusterPingReplyInterval(3000);
    // One loop: a message changes threads as rarely as possible, and the cores are for the engine.
    return new VertxOptions().setEventLoopPoolSize(1).setEventBusOptions(bus);
  }

  /** Says in one line what Hazelcast would say in two stack traces, before anything is started. */
  private static void requireFreePort(MeshOptions options, InetAddress bind) {
    for (int port : options.ports().stream().toArray()) {
      try (ServerSocket probe = new ServerSocket()) {
        probe.setReuseAddress(true);
        probe.bind(new InetSocketAddress(bind, port));
        return;
      } catch (IOException e) {
        LOG.debug("port {} of {} is taken: {}", port, bind, e.getMessage());
      }
    }
    throw noFreePort(options);
  }

  private static InputException noFreePort(MeshOptions options) {
    return InputException.of("--bind", options.bind(), "none of its ports " + options.ports() + " is free");
  }

  private static Vertx awaitJoin(Future<Vertx> joining, MeshOptions options, InetAddress bind) {
    try {
      return joining.toCompletionStage().toCompletableFuture().get(JOIN_DEADLINE.toMillis(), TimeUnit.MILLISECONDS);
    } catch (ExecutionException e) {
      requireFreePort(options, bind);
      LOG.debug("cannot join", e);
      throw notJoined(options, bind);
    } catch (TimeoutException e) {
      throw notJoined(options, bind);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted while joining cluster " + options.cluster(), e);
    } finally {
      if (!joining.succeeded()) {
        joining.onSuccess(Vertx::close);
      }
    }
  }

  private static InputException notJoined(MeshOptions options, InetAddress bind) {
    return InputException.of("--peers", String.join(",", options.candidates(bind)), "no cluster "
        + options.cluster() + " could be joined within " + HazelcastSettings.JOIN_SECONDS
        + " s; is something that is no mesh listening there?");
  }
}
