package dev.layermesh.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Tag("slow")
@Timeout(120)
class OfflineTest {
  /** Runs in a JVM of its own: any attempt to open a URL or a proxied connection fails the program. */
  static final class Program {
    private Program() {}

    static void main(String[] args) {
      URL.setURLStreamHandlerFactory(protocol -> {
        if (protocol.startsWith("http") || protocol.equals("ftp")) {
          throw new AssertionError("a " + protocol + " address was opened");
        }
        return null;
      });
      TokenizerFiles files = TokenizerFiles.read(Path.of(args[0]));
      try (Tokenizer tokenizer = Tokenizer.open(files); ChatTemplate chat = ChatTemplate.find(files).orElseThrow()) {
        String text = chat.render(List.of(new ChatMessage("user", "hear me")), true);
        System.out.println(tokenizer.encodeRendered(text));
      }
    }
  }

  @Test
  void shouldWorkWithoutNetworkAndKeepItsNativeLibraryInTheProjectsCache(@TempDir Path cache)
      throws IOException, InterruptedException {
    Path output = cache.resolve("output.txt");
    ProcessBuilder builder = new ProcessBuilder(
        Path.of(System.getProperty("java.home"), "bin", "java").toString(), "--enable-native-access=ALL-UNNAMED",
        "-Dhttp.proxyHost=127.0.0.1", "-Dhttp.proxyPort=9", "-Dhttps.proxyHost=127.0.0.1", "-Dhttps.proxyPort=9",
        "-Duser.home=" + cache.resolve("home"), "-cp", System.getProperty("java.class.path"), Program.class.getName(),
        Fixtures.LLAMA3.toString());
    builder.environment().put("XDG_CACHE_HOME", cache.toString());
    builder.environment().keySet().removeIf(name -> name.startsWith("DJL_") || name.startsWith("ENGINE_"));
    Process process = builder.redirectErrorStream(true).redirectOutput(output.toFile()).start();
    assertThat(process.waitFor(100, TimeUnit.SECONDS)).isTrue();
    assertThat(Files.readString(output)).endsWith("]\n").contains("[0, ");
    assertThat(process.exitValue()).isZero();
    try (Stream<Path> kept = Files.walk(cache.resolve("layermesh"))) {
      assertThat(kept).anyMatch(file -> file.getFileName().toString().equals(System.mapLibraryName("tokenizers")));
    }
    assertThat(cache.resolve("home")).doesNotExist();
  }

  @Test
  void shouldPutItsCacheWhereTheBaseDirectorySpecificationSays() {
    assertThat(NativeLibrary.cacheFolder(Map.of("XDG_CACHE_HOME", "/c"), "/h")).isEqualTo(Path.of("/c/layermesh"));
    assertThat(NativeLibrary.cacheFolder(Map.of("XDG_CACHE_HOME", "relative"), "/h"))
        .isEqualTo(Path.of("/h/.cache/layermesh"));
    assertThat(NativeLibrary.cacheFolder(Map.of(), "/h")).isEqualTo(Path.of("/h/.cache/layermesh"));
  }
}
