package dev.layermesh.system;

import dev.layermesh.draft.DraftWorker;
import dev.layermesh.engine.speculation.DraftModel;
import dev.layermesh.engine.speculation.VerifyModel;
import dev.layermesh.mesh.membership.Lease;
import dev.layermesh.mesh.membership.MeshNode;
import dev.layermesh.mesh.membership.MeshOptions;
import dev.layermesh.mesh.membership.TestMeshes;
import dev.layermesh.mesh.membership.WorkerRegistry;
import dev.layermesh.mesh.telemetry.Telemetry;
import dev.layermesh.verify.VerifyWorker;

/** A clustered node of this JVM and its view of the workers. */
record ClusterNode(MeshNode node, WorkerRegistry registry) implements AutoCloseable {
  private static final int MAX_SESSIONS = 64;

  /** A mesh of a random name, with the timeouts of a real one: the machine may be busy. */
  static MeshOptions options() {
    return TestMeshes.options().withLease(Lease.DEFAULT);
  }

  static ClusterNode join(MeshOptions options) {
    MeshNode node = MeshNode.join(options);
    return new ClusterNode(node, WorkerRegistry.open(node));
  }

  DraftWorker draft(DraftModel model) {
    return DraftWorker.start(node, registry, model, MAX_SESSIONS, Telemetry.none());
  }

  VerifyWorker verify(VerifyModel model) {
    return VerifyWorker.start(node, registry, model, false, MAX_SESSIONS, Telemetry.none());
  }

  /** Ends it as a killed process ends: it closes nothing and sends nothing. */
  void kill() {
    TestMeshes.kill(node);
  }

  @Override
  public void close() {
    registry.close();
    node.close();
  }
}
