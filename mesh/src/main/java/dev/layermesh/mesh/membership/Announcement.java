package dev.layermesh.mesh.membership;

/** A worker's ad in the mesh, renewed until closed. Thread-safe. */
public interface Announcement extends AutoCloseable {
  /** Publishes the worker's load at once; does not block. */
  void update(int sessions, boolean draining);

  /** Removes the ad; on return the other nodes have been told. Blocks: not for an event loop. */
  @Override
  void close();
}
