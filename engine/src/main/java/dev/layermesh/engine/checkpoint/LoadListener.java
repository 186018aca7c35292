package dev.layermesh.engine.checkpoint;

/** Told how far reading weights from disk has come; called on the reading thread. */
@FunctionalInterface
public interface LoadListener {

  /** {@code done} of {@code total} bytes are in memory; the last call has both equal. */
  void progressed(long done, long total);
}
