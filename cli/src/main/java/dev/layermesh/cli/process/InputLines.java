package dev.layermesh.cli.process;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import java.util.concurrent.SynchronousQueue;

/** Lines of standard input, read on a thread of their own: waiting for one can be interrupted, a read cannot. */
public final class InputLines {
  private final SynchronousQueue<Optional<String>> lines = new SynchronousQueue<>();

  public InputLines(InputStream stdin) {
    Thread.ofPlatform().daemon().name("stdin").start(() -> readAll(stdin));
  }

  private void readAll(InputStream stdin) {
    var reader = new BufferedReader(new InputStreamReader(stdin, StandardCharsets.UTF_8));
    try {
      Optional<String> line;
      do {
        line = Optional.ofNullable(reader.readLine());
        lines.put(line);
      } while (line.isPresent());
    } catch (InterruptedException nobodyReads) {
      Thread.currentThread().interrupt();
    } catch (IOException e) {
      throw new UncheckedIOException("standard input: " + e.getMessage(), e);
    }
  }

  /** The next line; empty at the end of input. */
  public Optional<String> next() throws InterruptedException {
    return lines.take();
  }
}
