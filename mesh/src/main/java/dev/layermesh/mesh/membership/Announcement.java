package dev.layermesh.mesh.membership;

/** A worker's ad in the mesh, repeated until closed. Thread-safe. */
public interface Announcement extends AutoCloseable {
  /** Tells the mesh the worker's load, at once and without blocking. */
  void update(int sessions, boolean draining);

  /** Takes the ad back; the others are told before this returns. Blocks: not for an event loop. */
  @Override
  void close();
}
