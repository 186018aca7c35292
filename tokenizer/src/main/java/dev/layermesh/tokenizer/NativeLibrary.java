package dev.layermesh.tokenizer;

import dev.layermesh.decoding.InputException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;

/**
 * Prepares the tokenizers library before its first use: copies its native part from its jar to the project's cache, and
 * switches its telemetry and its downloads off.
 */
final class NativeLibrary {
  private NativeLibrary() {}

  /** Safe to call any number of times, from any thread; a {@code DJL_CACHE_DIR} the user has set is kept. */
  static void prepare() {
    Path cache = Optional.ofNullable(System.getProperty("DJL_CACHE_DIR"))
        .or(() -> Optional.ofNullable(System.getenv("DJL_CACHE_DIR")))
        .map(Path::of)
        .orElseGet(() -> cacheFolder(System.getenv(), System.getProperty("user.home")).resolve("djl"));
    try {
      Files.createDirectories(cache);
    } catch (IOException e) {
      throw InputException.of("XDG_CACHE_HOME", cache, "cannot be written (" + e + "); name a writable folder");
    }
    System.setProperty("DJL_CACHE_DIR", cache.toString());
    System.setProperty("OPT_OUT_TRACKING", "true"); // Ec2Utils.callHome
    System.setProperty("ai.djl.offline", "true"); // Utils.isOfflineMode: no download, whatever the flavour
    System.setProperty("RUST_FLAVOR", "cpu"); // the build inside the jar, also where a GPU is found
  }

  /** {@code $XDG_CACHE_HOME/layermesh}; relative values are ignored, as the XDG base directory specification says. */
  static Path cacheFolder(Map<String, String> environment, String home) {
    return Optional.ofNullable(environment.get("XDG_CACHE_HOME"))
        .filter(value -> !value.isEmpty())
        .map(Path::of)
        .filter(Path::isAbsolute)
        .orElseGet(() -> Path.of(home, ".cache"))
        .resolve("layermesh");
  }
}
