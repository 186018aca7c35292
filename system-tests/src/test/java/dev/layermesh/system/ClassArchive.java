package dev.layermesh.system;

import dev.layermesh.testkit.Fixtures;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;

/**
 * An archive of a server's loaded classes (dynamic class data sharing, JEP 350): a child
 * that maps them starts in three quarters of the time. The first child of a build makes it.
 */
final class ClassArchive {
  private static final Pattern READY = Pattern.compile("Serving ");
  private static final Path FOLDER = Fixtures.path("system-tests/target").resolve("archive");
  private static final Path FILE = FOLDER.resolve("layermesh.jsa");

  private ClassArchive() {}

  /** Flags for a JVM that runs {@code jar}. Where the archive does not fit, it says nothing and loads from the jars. */
  static synchronized List<String> flags(Path jar) {
    try {
      if (Files.notExists(FILE) || Files.getLastModifiedTime(FILE).compareTo(Files.getLastModifiedTime(jar)) < 0) {
        make();
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return List.of("-XX:SharedArchiveFile=" + FILE, "-Xlog:disable");
  }

  private static void make() throws IOException {
    Files.deleteIfExists(FILE);
    Files.createDirectories(FOLDER);
    List<String> flags = List.of("-XX:ArchiveClassesAtExit=" + FILE, "-Xlog:disable");
    try (ChildProcess serve = ChildProcess.start(FOLDER, Map.of(), flags, List.of("serve", "--port", "0"))) {
      serve.awaitOut(READY);
      serve.terminate();
      ChildMesh.assertEnded(serve);
    }
  }
}
