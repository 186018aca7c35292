package dev.layermesh.mesh.membership;

import java.util.List;
import java.util.function.Consumer;

/**
 * The workers this process knows to be alive, from a local table: no call leaves the process or blocks, any thread may
 * ask. The table follows the mesh by some milliseconds; a worker listed here may already be gone.
 */
public interface Workers {
  /** The live workers of a role, ordered by id; draining ones are included and marked. */
  List<WorkerAd> live(Role role);

  /**
   * Calls {@code listener} with the id of every worker that closed, left the cluster or whose lease expired, once
   * each, on a thread of the mesh. The listener must not block.
   */
  Registration onLeave(Consumer<String> listener);
}
