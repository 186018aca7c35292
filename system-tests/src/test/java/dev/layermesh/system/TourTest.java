package dev.layermesh.system;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** The tour names files and methods that exist, no more of them than a newcomer reads, each with one sentence. */
class TourTest {
  private static final Path DOCS = Path.of(System.getProperty("layermesh.root"), "docs");
  /** {@code 1. [`Type.method`](../path/Type.java) sentence}; a line without a method opens the whole file. */
  private static final Pattern STOP =
      Pattern.compile("\\d+\\. \\[`(\\w+)(?:\\.(\\w+))?`]\\((\\S+\\.java)\\)(?:,? )(.+)");
  private static final Pattern LINK = Pattern.compile("]\\((?!https?:)([^)#]+)[^)]*\\)");

  private record Stop(String type, String method, Path file, String sentence) {}

  private static Map<String, List<Stop>> tour() throws IOException {
    var tour = new LinkedHashMap<String, List<Stop>>();
    List<Stop> section = new ArrayList<>();
    for (String line : Files.readAllLines(DOCS.resolve("tour.md"))) {
      if (line.startsWith("## ")) {
        section = new ArrayList<>();
        tour.put(line.substring(3), section);
      }
      var stop = STOP.matcher(line);
      if (stop.matches()) {
        String method = stop.group(2) == null ? "" : stop.group(2);
        section.add(new Stop(stop.group(1), method, DOCS.resolve(stop.group(3)).normalize(), stop.group(4)));
      } else {
        assertThat(line).as("a stop of the tour").doesNotMatch("\\d+\\. .*");
      }
    }
    return tour;
  }

  @Test
  void shouldNameFilesAndMethodsThatExist() throws IOException {
    for (List<Stop> section : tour().values()) {
      for (Stop stop : section) {
        assertThat(stop.file()).exists().hasFileName(stop.type() + ".java");
        if (!stop.method().isEmpty()) {
          assertThat(Files.readString(stop.file())).as("%s.%s", stop.type(), stop.method())
              .containsPattern("(?m)^ +[\\w<>\\[\\]., ]+ " + stop.method() + "\\(");
        }
        assertThat(stop.sentence()).as("one sentence").endsWith(".").doesNotContain(". ");
      }
    }
  }

  @Test
  void shouldOpenAtMostNineFilesEmbeddedAndTwentyOverTheMesh() throws IOException {
    Map<String, List<Stop>> tour = tour();
    assertThat(tour.get("In one JVM")).hasSizeBetween(5, 9);
    assertThat(tour.get("Over the mesh")).hasSizeBetween(5, 20);
  }

  @Test
  void shouldLinkToFilesThatExist() throws IOException {
    for (String document : List.of("tour.md", "architecture.md", "../README.md")) {
      var link = LINK.matcher(Files.readString(DOCS.resolve(document)));
      while (link.find()) {
        assertThat(DOCS.resolve(document).getParent().resolve(link.group(1))).as("linked in %s", document).exists();
      }
    }
  }
}
