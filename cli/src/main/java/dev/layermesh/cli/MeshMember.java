package dev.layermesh.cli;

import dev.layermesh.mesh.membership.MeshNode;
import dev.layermesh.mesh.membership.MeshOptions;
import dev.layermesh.mesh.membership.WorkerRegistry;
import dev.layermesh.mesh.telemetry.Telemetry;

/**
 * This process in the mesh: what gateway and workers of one JVM share. Joining and closing block.
 *
 * @param telemetry its spans
 * @param node its place on the event bus
 * @param registry the workers it sees
 */
record MeshMember(Telemetry telemetry, MeshNode node, WorkerRegistry registry) implements AutoCloseable {

  /**
   * Joins the mesh.
   *
   * @param service name of the process in traces
   * @throws dev.layermesh.decoding.InputException naming the option that cannot be used
   */
  static MeshMember join(String service, MeshOptions options) {
    Telemetry telemetry = Telemetry.fromEnvironment(service, System.getenv());
    try {
      MeshNode node = MeshNode.join(options);
      try {
        return new MeshMember(telemetry, node, WorkerRegistry.open(node));
      } catch (RuntimeException failed) {
        node.close();
        throw failed;
      }
    } catch (RuntimeException refused) {
      telemetry.close();
      throw refused;
    }
  }

  @Override
  public void close() {
    registry.close();
    node.close();
    telemetry.close();
  }
}
