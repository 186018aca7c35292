package dev.layermesh.mesh.membership;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.time.Duration;
import java.util.UUID;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;

/** Meshes of several nodes in one JVM that no other test can meet. */
public final class TestMeshes {
  private static final int PORTS = 6;

  private TestMeshes() {}

  /** A cluster of a random name on free ports, with room for six nodes and a short lease. */
  public static MeshOptions options() {
    return MeshOptions.defaults()
        .withCluster("test-" + UUID.randomUUID())
        .withPorts(freePorts())
        .withLease(new Lease(Duration.ofMillis(200), Duration.ofSeconds(3)));
  }

  /** Waits for {@code condition}, at most 15 s. */
  public static void await(String what, BooleanSupplier condition) {
    long deadline = System.nanoTime() + Duration.ofSeconds(15).toNanos();
    while (!condition.getAsBoolean()) {
      if (System.nanoTime() > deadline) {
        throw new AssertionError("not within 15 s: " + what);
      }
      LockSupport.parkNanos(1_000_000);
    }
  }

  /** Ends a node as a killed process ends: it says nothing, its connections break. */
  public static void kill(MeshNode node) {
    node.hazelcast().getLifecycleService().terminate();
    node.close();
  }

  static PortRange freePorts() {
    for (int attempt = 0; attempt < 100; attempt++) {
      int first = ThreadLocalRandom.current().nextInt(15_000, 30_000);
      if (new PortRange(first, first + PORTS - 1).stream().allMatch(TestMeshes::isFree)) {
        return new PortRange(first, first + PORTS - 1);
      }
    }
    throw new AssertionError("no " + PORTS + " free ports in a row");
  }

  private static boolean isFree(int port) {
    try (ServerSocket probe = new ServerSocket(port, 50, InetAddress.getLoopbackAddress())) {
      return probe.isBound();
    } catch (IOException e) {
      return false;
    }
  }

  static ServerSocket occupy(int port) {
    try {
      return new ServerSocket(port, 50, InetAddress.getLoopbackAddress());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
