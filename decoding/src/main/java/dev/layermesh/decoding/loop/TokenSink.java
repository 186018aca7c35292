package dev.layermesh.decoding.loop;

/** Where a session's tokens go. Called by the thread that runs the loop; parking in it is back-pressure. */
@FunctionalInterface
public interface TokenSink {

  /** Tokens were committed. */
  void round(Round round) throws InterruptedException;

  /** Known tokens the verifier holds so far, of {@code total}. */
  default void prefilled(int done, int total) {}
}
