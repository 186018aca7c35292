package dev.layermesh.cli.runs;

import dev.layermesh.decoding.InputException;
import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;

/**
 * A file of results, which grows by whole lines. The first line written replaces an incomplete line that a killed
 * run left at the end. A file with other content is refused and left unchanged. One process at a time holds its lock.
 * Owned by one thread, which must not be interrupted while it writes.
 */
final class ResultFile implements ResultSink {
  private final Path file;
  private final FileChannel channel;
  private final List<EarlierResult> earlier = new ArrayList<>();
  private long end; // of the last whole line

  private ResultFile(Path file, FileChannel channel) {
    this.file = file;
    this.channel = channel;
  }

  /**
   * Opens a file, or makes it, and reads what is in it.
   *
   * @throws InputException when it cannot be had, another process has it, or it holds something else
   */
  static ResultFile open(Path file) {
    if (Files.exists(file) && !Files.isRegularFile(file)) {
      throw InputException.of("--out", file, "must be a file");
    }
    if (!Files.isDirectory(file.toAbsolutePath().getParent())) {
      throw InputException.of("--out", file, "cannot be opened: no such folder");
    }
    try {
      FileChannel channel =
          FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE);
      try {
        return opened(file, channel);
      } catch (IOException | RuntimeException refused) {
        channel.close();
        throw refused;
      }
    } catch (IOException e) {
      throw InputException.of("--out", file, "cannot be opened: " + e);
    }
  }

  private static ResultFile opened(Path file, FileChannel channel) throws IOException {
    if (!locked(channel)) {
      throw InputException.of("--out", file, "another run writes to it");
    }
    var results = new ResultFile(file, channel);
    results.read(new BufferedInputStream(Channels.newInputStream(channel)));
    return results;
  }

  private static boolean locked(FileChannel channel) throws IOException {
    try {
      return channel.tryLock() != null;
    } catch (OverlappingFileLockException here) {
      return false;
    }
  }

  private void read(InputStream bytes) throws IOException {
    var line = new ByteArrayOutputStream();
    for (int each = bytes.read(); each >= 0; each = bytes.read()) {
      if (each == '\n') {
        EarlierResult result = EarlierResult.parse(line.toByteArray()).orElseThrow(this::foreign);
        earlier.add(earlier.isEmpty() ? result : result.sharing(earlier.getLast().settings()));
        end += line.size() + 1;
        line.reset();
      } else {
        line.write(each);
      }
    }
    if (!EarlierResult.mayBegin(line.toByteArray())) {
      throw foreign();
    }
  }

  private InputException foreign() {
    return InputException.in(file + ":" + (earlier.size() + 1),
        "is no result of generate --prompts: name another --out");
  }

  @Override
  public List<EarlierResult> earlier() {
    return earlier;
  }

  @Override
  public boolean write(String line) {
    ByteBuffer bytes = StandardCharsets.UTF_8.encode(line + "\n");
    try {
      channel.truncate(end);
      while (bytes.hasRemaining()) {
        end += channel.write(bytes, end);
      }
      return true;
    } catch (IOException e) {
      throw new UncheckedIOException(file + ": cannot be written: " + e.getMessage(), e);
    }
  }

  /** Closes the file; deletes it if it holds no result. */
  @Override
  public void close() {
    try (channel) {
      if (channel.size() == 0) {
        Files.deleteIfExists(file);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(file + ": cannot be closed: " + e.getMessage(), e);
    }
  }
}
