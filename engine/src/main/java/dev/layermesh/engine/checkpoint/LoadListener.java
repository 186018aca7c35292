package dev.layermesh.engine.checkpoint;

/** Receives the progress of reading or writing weights; called on the thread that reads or writes. */
@FunctionalInterface
public interface LoadListener {

  /** {@code done} of {@code total} bytes are done; in the last call both are equal. */
  void progressed(long done, long total);
}
