package dev.layermesh.mesh.membership;

/** A registered listener or timer. */
@FunctionalInterface
public interface Registration extends AutoCloseable {
  /** Stops the listener; a call already under way may still finish. Closing twice is harmless. */
  @Override
  void close();
}
