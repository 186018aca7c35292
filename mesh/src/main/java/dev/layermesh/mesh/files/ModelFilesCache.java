package dev.layermesh.mesh.files;

import io.vertx.core.json.DecodeException;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Model files on disk, one folder per fingerprint, so that a restarted gateway need not fetch them again. A folder
 * is written aside and renamed, and checked against its digests when read; one that fails the check is deleted.
 * Several processes may share a root.
 */
public final class ModelFilesCache {
  private static final Logger LOG = LoggerFactory.getLogger(ModelFilesCache.class);
  /** Changes with the layout of a folder. */
  private static final String FORMAT = "model-files-1";
  /** Not a plain file name, so no model file can have it. */
  private static final String MANIFEST = ".manifest.json";

  private final Path folder;

  /** A cache below {@code root}, which is created when first written to. */
  public ModelFilesCache(Path root) {
    this.folder = root.resolve(FORMAT);
  }

  /** {@code $XDG_CACHE_HOME/layermesh}, else {@code ~/.cache/layermesh}, see the XDG base directory specification. */
  public static Path defaultRoot(Map<String, String> environment) {
    String cacheHome = environment.getOrDefault("XDG_CACHE_HOME", "");
    Path base = cacheHome.isEmpty() || !Path.of(cacheHome).isAbsolute()
        ? Path.of(environment.getOrDefault("HOME", System.getProperty("user.home")), ".cache")
        : Path.of(cacheHome);
    return base.resolve("layermesh");
  }

  /** The files of a model, if they are cached and match their digests. */
  public Optional<Map<String, byte[]>> read(String fingerprint) {
    Path entry = entry(fingerprint);
    if (!Files.isDirectory(entry)) {
      return Optional.empty();
    }
    try {
      return Optional.of(readChecked(entry));
    } catch (IOException | DecodeException e) {
      LOG.warn("discarding the cached files of model {}: {}", fingerprint, e.getMessage());
      discard(entry);
      return Optional.empty();
    }
  }

  /** Stores the files of a model; does nothing if another process has just stored them. */
  public void write(String fingerprint, Map<String, byte[]> files) throws IOException {
    FileManifest manifest = FileManifest.of(files);
    Files.createDirectories(folder);
    Path draft = Files.createTempDirectory(folder, "draft-");
    try {
      for (Map.Entry<String, byte[]> file : files.entrySet()) {
        Files.write(draft.resolve(file.getKey()), file.getValue());
      }
      Files.writeString(draft.resolve(MANIFEST), manifest.toJson().encode());
      moveInto(entry(fingerprint), draft);
    } finally {
      discard(draft);
    }
  }

  private static void moveInto(Path entry, Path draft) throws IOException {
    try {
      Files.move(draft, entry, StandardCopyOption.ATOMIC_MOVE);
    } catch (FileSystemException e) {
      if (!Files.isDirectory(entry)) {
        throw e;
      }
    }
  }

  private static Map<String, byte[]> readChecked(Path entry) throws IOException {
    String text = new String(Files.readAllBytes(entry.resolve(MANIFEST)), StandardCharsets.UTF_8);
    FileManifest manifest = FileManifest.fromJson(new JsonObject(text));
    Map<String, byte[]> files = new TreeMap<>();
    for (String name : manifest.entries().keySet()) {
      byte[] bytes = Files.readAllBytes(entry.resolve(name));
      manifest.verify(name, bytes);
      files.put(name, bytes);
    }
    return files;
  }

  /** A fingerprint may hold any character; its digest is a file name. */
  private Path entry(String fingerprint) {
    return folder.resolve(FileManifest.sha256(fingerprint.getBytes(StandardCharsets.UTF_8)));
  }

  private static void discard(Path directory) {
    if (!Files.isDirectory(directory)) {
      return;
    }
    try (Stream<Path> files = Files.list(directory)) {
      for (Path file : files.toList()) {
        Files.deleteIfExists(file);
      }
      Files.deleteIfExists(directory);
    } catch (IOException e) {
      LOG.warn("cannot delete {}: {}", directory, e.getMessage());
    }
  }
}
