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
import java.util.List;
import java.util.Optional;
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
  /** Vert.x keeps its node id in this attribute of the member; unlike the member's uuid it outlives a merge. */
  static final String NODE_ID_ATTRIBUTE = "__vertx.nodeId";
  /** Joining takes one to two seconds, and up to ten when several nodes start at once on a busy machine. */
  private static final Duration JOIN_PATIENCE = Duration.ofSeconds(20);
  /** Upper bound for starting Hazelcast and Vert.x themselves. */
  private static final Duration STARTING = Duration.ofSeconds(60);
  private static final Duration CLOSE_DEADLINE = Duration.ofSeconds(15);

  private final Vertx vertx;
  private final HazelcastClusterManager cluster;
  private final MeshOptions options;

  private MeshNode(Vertx vertx, HazelcastClusterManager cluster, MeshOptions options) {
    this.vertx = vertx.exceptionHandler(MeshNode::unhandled);
    this.cluster = cluster;
    this.options = options;
  }

  /**
   * Joins the cluster, or founds it when no member answers. On return the event bus works.
   *
   * @throws InputException if the address cannot be bound, every port of the range is taken, or the listeners at the
   *     peers are no mesh; nothing is left running then
   */
  public static MeshNode join(MeshOptions options) {
    return join(options, JOIN_PATIENCE);
  }

  static MeshNode join(MeshOptions options, Duration patience) {
    InetAddress bind = options.bindAddress();
    requireFreePort(options, bind);
    List<String> candidates = options.candidates(bind);
    Optional<MeshNode> node = attempt(options, bind, candidates, patience);
    if (node.isPresent()) {
      return node.get();
    }
    List<String> nonMembers = MemberProbe.nonMembers(candidates);
    List<String> others = candidates.stream().filter(candidate -> !nonMembers.contains(candidate)).toList();
    LOG.warn("no cluster {} yet; retrying without {}: no mesh node answers there",
        options.cluster(), nonMembers);
    return attempt(options, bind, others, patience).orElseThrow(() -> InputException.of("--peers",
        String.join(",", others), "no cluster " + options.cluster() + " could be joined within "
            + patience.toSeconds() + " s"));
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

  /** Leaves the cluster, so that the other members see it at once instead of after a timeout. */
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

  /**
   * What a handler on an event loop threw. An error of the virtual machine, such as no memory, ends the process where
   * the process installed a default handler for that: a node without memory neither serves nor ends by itself. Vert.x
   * 5.0.7 completes a write twice when the node it goes to has just died, which is harmless.
   */
  private static void unhandled(Throwable failure) {
    if (failure instanceof VirtualMachineError) {
      Optional.ofNullable(Thread.getDefaultUncaughtExceptionHandler())
          .ifPresent(handler -> handler.uncaughtException(Thread.currentThread(), failure));
    }
    if (failure instanceof IllegalStateException && "Promise already completed".equals(failure.getMessage())) {
      LOG.debug("a message to a node that has just left", failure);
    } else {
      LOG.error("unhandled error on an event loop", failure);
    }
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

  /** Fails in one line, before anything is started, where Hazelcast would log two stack traces. */
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

  /** The node; empty if Hazelcast could neither join the cluster nor found one. */
  private static Optional<MeshNode> attempt(
      MeshOptions options, InetAddress bind, List<String> candidates, Duration patience) {
    HazelcastClusterManager cluster = new HazelcastClusterManager(
        HazelcastSettings.of(options, bind, candidates, patience.toSeconds()));
    Future<Vertx> joining = Vertx.builder()
        .with(vertxOptions(bind))
        .withTransport(GuardedTransport.create())
        .withClusterManager(cluster)
        .buildClustered();
    try {
      Vertx vertx = joining.toCompletionStage().toCompletableFuture()
          .get(patience.plus(STARTING).toMillis(), TimeUnit.MILLISECONDS);
      return Optional.of(new MeshNode(vertx, cluster, options));
    } catch (ExecutionException e) {
      requireFreePort(options, bind);
      LOG.debug("cannot join cluster {}", options.cluster(), e);
      return Optional.empty();
    } catch (TimeoutException e) {
      joining.onSuccess(Vertx::close);
      throw new IllegalStateException("neither in cluster " + options.cluster() + " nor refused after "
          + patience.plus(STARTING).toSeconds() + " s", e);
    } catch (InterruptedException e) {
      joining.onSuccess(Vertx::close);
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted while joining cluster " + options.cluster(), e);
    }
  }
}
