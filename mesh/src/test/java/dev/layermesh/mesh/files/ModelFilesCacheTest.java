package dev.layermesh.mesh.files;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ModelFilesCacheTest {
  private static final String FINGERPRINT = "sha256:abc/../def";
  private static final Map<String, byte[]> FILES = Map.of("config.json", "{}".getBytes(), "t.json", new byte[9999]);

  @TempDir
  private Path root;

  @Test
  void shouldGiveBackWhatItKept() throws IOException {
    ModelFilesCache cache = new ModelFilesCache(root.resolve("not/yet/there"));
    assertThat(cache.read(FINGERPRINT)).isEmpty();
    cache.write(FINGERPRINT, FILES);
    cache.write(FINGERPRINT, FILES);
    Map<String, byte[]> kept = cache.read(FINGERPRINT).orElseThrow();
    assertThat(kept).containsOnlyKeys(FILES.keySet());
    kept.forEach((name, bytes) -> assertThat(bytes).isEqualTo(FILES.get(name)));
    assertThat(cache.read("another")).isEmpty();
    assertThat(entries()).hasSize(1);
  }

  @Test
  void shouldThrowAwayAnEntryThatIsDamagedAndKeepItAnew() throws IOException {
    ModelFilesCache cache = new ModelFilesCache(root);
    for (String damaged : new String[] {"config.json", ".manifest.json"}) {
      cache.write(FINGERPRINT, FILES);
      Files.writeString(entries().getFirst().resolve(damaged), "[]");
      assertThat(cache.read(FINGERPRINT)).isEmpty();
      assertThat(entries()).isEmpty();
    }
    cache.write(FINGERPRINT, FILES);
    Files.delete(entries().getFirst().resolve("t.json"));
    assertThat(cache.read(FINGERPRINT)).isEmpty();
    cache.write(FINGERPRINT, FILES);
    assertThat(cache.read(FINGERPRINT)).isPresent();
  }

  @Test
  void shouldUseTheCacheFolderThatTheEnvironmentNames() {
    assertThat(ModelFilesCache.defaultRoot(Map.of("XDG_CACHE_HOME", "/c", "HOME", "/h")))
        .isEqualTo(Path.of("/c/layermesh"));
    assertThat(ModelFilesCache.defaultRoot(Map.of("HOME", "/h"))).isEqualTo(Path.of("/h/.cache/layermesh"));
    assertThat(ModelFilesCache.defaultRoot(Map.of("XDG_CACHE_HOME", "relative", "HOME", "/h")))
        .isEqualTo(Path.of("/h/.cache/layermesh"));
  }

  private List<Path> entries() throws IOException {
    Path found;
    try (Stream<Path> walk = Files.walk(root)) {
      found = walk.filter(path -> path.endsWith("model-files-1")).findFirst().orElseThrow();
    }
    try (Stream<Path> list = Files.list(found)) {
      return list.toList();
    }
  }
}
