package dev.layermesh.cli.runs;

import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/** Where the results of a run go, a line each. Owned by one thread. */
interface ResultSink extends AutoCloseable {

  /**
   * Opens a file of results, or standard output where no file is named.
   *
   * @throws dev.layermesh.decoding.InputException when the file cannot be used
   */
  static ResultSink open(Optional<Path> file, PrintWriter stdout) {
    return file.<ResultSink>map(ResultFile::open).orElseGet(() -> new Stdout(stdout));
  }

  /** Results of earlier runs. */
  List<EarlierResult> earlier();

  /** Writes a line whole; false when standard output is closed. */
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
