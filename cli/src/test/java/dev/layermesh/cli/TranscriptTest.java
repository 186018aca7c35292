package dev.layermesh.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.UUID;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Runs every command that the documents show and compares its output. In a block of a document, a line
 * {@code $ bin/layermesh …} is a command, {@code $ cat FILE} shows a file that later commands read, and
 * {@code $ grep TEXT FILE} shows lines of a file that a command wrote; a line that begins with {@code >} is typed,
 * every other line is printed, and … stands for any text. Commands with {@code --connect} use the gateway of this
 * test.
 */
@Timeout(300)
class TranscriptTest {
  private static final List<String> DOCUMENTS = List.of("README.md", "docs/usage.md");
  private static final String PROMPT = "$ ";
  private static final String LAYERMESH = "bin/layermesh ";
  private static final String ADDRESS = "127.0.0.1:8080";
  private static final Pattern WORD = Pattern.compile("\"([^\"]*)\"|'([^']*)'|(\\S+)");

  @TempDir
  private static Path folder;
  private static Running serve;
  private static String address;

  /** A command of a document with what is typed and printed after it. */
  record Transcript(String document, int line, String command, List<String> after) {
    String typed() {
      return after.stream().filter(each -> each.startsWith("> ")).map(each -> each.substring(2) + "\n")
          .collect(Collectors.joining());
    }

    String printed() {
      return after.stream().filter(each -> !each.startsWith("> ")).collect(Collectors.joining("\n"));
    }

    List<String> words() {
      var words = new ArrayList<String>();
      Matcher word = WORD.matcher(command);
      while (word.find()) {
        words.add(Stream.of(1, 2, 3).map(word::group).filter(group -> group != null).findFirst().orElseThrow());
      }
      return words;
    }

    @Override
    public String toString() {
      return document + ":" + line + ": " + command;
    }
  }

  private static List<Transcript> all() {
    return DOCUMENTS.stream().flatMap(document -> read(document).stream()).toList();
  }

  private static List<Transcript> read(String document) {
    List<String> lines;
    try {
      lines = Files.readAllLines(Cli.ROOT.resolve(document));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    var transcripts = new ArrayList<Transcript>();
    boolean inBlock = false;
    boolean inTranscript = false;
    for (int i = 0; i < lines.size(); i++) {
      String line = lines.get(i);
      if (line.startsWith("```")) {
        inBlock = !inBlock;
        inTranscript = false;
      } else if (inBlock && line.startsWith(PROMPT)) {
        inTranscript = true;
        transcripts.add(new Transcript(document, i + 1, line.substring(PROMPT.length()), new ArrayList<>()));
      } else if (inTranscript) {
        transcripts.getLast().after().add(line);
      }
    }
    return transcripts;
  }

  static Stream<Transcript> commands() {
    return all().stream().filter(each -> each.command().contains(LAYERMESH) || each.command().startsWith("grep "));
  }

  @BeforeAll
  static void start() throws InterruptedException, IOException {
    for (Transcript each : all()) {
      if (each.words().getFirst().equals("cat")) {
        Files.writeString(folder.resolve(each.words().get(1)), each.printed().strip() + "\n");
      }
    }
    serve = new Running("serve", "--port", "0");
    address = serve.awaitOut("at http://(\\S+) \\(page[\\s\\S]*Try:[\\s\\S]*chat --connect \\S+\n").group(1);
  }

  @AfterAll
  static void end() {
    serve.close();
  }

  @ParameterizedTest
  @MethodSource("commands")
  void shouldPrintWhatTheDocumentShows(Transcript transcript) throws InterruptedException, IOException {
    List<String> words = transcript.words();
    if (words.getFirst().equals("grep")) {
      assertShown(transcript, grep(words.get(1), folder.resolve(words.get(2))));
      return;
    }
    switch (words.get(words.indexOf("bin/layermesh") + 1)) {
      case "serve" -> assertShown(transcript, serve.awaitOut("(?s).*").group().replace(address, ADDRESS));
      case "mesh" -> assertShown(transcript, mesh(words.subList(1, words.size())));
      default -> assertShown(transcript, run(transcript, words));
    }
  }

  private static String grep(String text, Path file) throws IOException {
    return Files.readAllLines(file).stream().filter(line -> line.contains(text)).collect(Collectors.joining("\n"));
  }

  private static String run(Transcript transcript, List<String> words) {
    int start = words.indexOf("bin/layermesh") + 1;
    String typed = words.getFirst().equals("echo") ? words.get(1) + "\n" : transcript.typed();
    String[] arguments = words.subList(start, words.size()).stream().map(TranscriptTest::here).toArray(String[]::new);
    var result = Cli.runWithInput(typed, arguments);
    assertThat(result.status()).as(result.err()).isZero();
    return result.out().replace(folder + "/", "");
  }

  /** The path of a file that a document names. */
  private static String here(String argument) {
    return argument.matches("[\\w.-]+\\.(jsonl|gguf)")
        ? folder.resolve(argument).toString()
        : argument.replace(ADDRESS, address);
  }

  /** The lines of a mesh's processes, which become ready in any order, as the document has them. */
  private static String mesh(List<String> words) throws InterruptedException {
    String cluster = "transcript-" + UUID.randomUUID();
    var arguments = new ArrayList<>(words);
    arguments.addAll(List.of("--port", "0", "--cluster", cluster));
    try (var mesh = new Running(arguments.toArray(String[]::new))) {
      String lines = mesh.awaitOut("(?:.*\n){4}").group();
      return lines.replaceAll("http://127\\.0\\.0\\.1:\\d+", "http://" + ADDRESS).replace(cluster, "layermesh");
    }
  }

  private static void assertShown(Transcript transcript, String printed) {
    String shown = transcript.printed().stripTrailing();
    if (shown.isEmpty()) {
      return; // the document says how the command is called, not what it prints
    }
    boolean anyOrder = transcript.command().startsWith(LAYERMESH + "mesh");
    String expected = anyOrder ? sorted(shown) : shown;
    String actual = (anyOrder ? sorted(printed) : printed).stripTrailing();
    String pattern = Arrays.stream(expected.split("…", -1)).map(Pattern::quote)
        .collect(Collectors.joining("[\\s\\S]*?"));
    assertThat(actual.matches(pattern)).as(() -> transcript + "\nshows:\n" + expected + "\nand it prints:\n" + actual)
        .isTrue();
  }

  private static String sorted(String lines) {
    return lines.lines().sorted(Comparator.naturalOrder()).collect(Collectors.joining("\n"));
  }

  @Test
  void shouldHaveFoundTheTranscripts() {
    assertThat(commands().map(each -> each.words().get(each.words().indexOf("bin/layermesh") + 1)))
        .contains("serve", "mesh", "generate", "chat", "convert", "correctness", "inspect");
  }
}
