package dev.layermesh.cli;

import java.io.PrintWriter;
import java.util.List;

/** Where the results of a run go, a line each. Owned by one thread. */
interface ResultSink extends AutoCloseable {

  /** What earlier runs left there. */
  List<EarlierResult> earlier();

  /** Writes a line whole; false when nobody reads any more. */
  boolean write(String line);

  @Override
  void close();

  /** Standard output, which remembers nothing. */
  record Stdout(PrintWriter out) implements ResultSink {
    @Override
    public List<EarlierResult> earlier() {
      return List.of();
    }

    @Override
    public boolean write(String line) {
      out.println(line);
      return !out.checkError(); // flushes; true when the reader of a pipe has gone
    }

    @Override
    public void close() {
      // standard output stays open
    }
  }
}
