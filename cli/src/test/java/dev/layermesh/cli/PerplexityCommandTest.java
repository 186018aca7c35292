package dev.layermesh.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.layermesh.cli.complete.CheckpointFiles;
import dev.layermesh.decoding.TokenIds;
import dev.layermesh.engine.Transformer;
import dev.layermesh.engine.backend.Backend;
import dev.layermesh.engine.backend.Backends;
import dev.layermesh.engine.backend.Batch;
import dev.layermesh.engine.backend.LogitRows;
import dev.layermesh.engine.backend.Tensor;
import dev.layermesh.engine.checkpoint.Checkpoint;
import dev.layermesh.engine.checkpoint.Slice;
import dev.layermesh.engine.kv.KvCache;
import dev.layermesh.tokenizer.Tokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@Timeout(120)
class PerplexityCommandTest {
  /** Error of a mean surprise, in nats: from four printed decimals and another order of float32 sums. */
  private static final double TOLERANCE = 1e-5;
  /** Least distance between the right score and that of other tokens, so that agreement proves something. */
  private static final double MARGIN = 100 * TOLERANCE;
  private static final int CONTEXT = 101; // two steps and an odd number: each half is another
  private static final Pattern REPORT = Pattern.compile(
      "perplexity (\\d+\\.\\d{4}), (\\d+) tokens scored in (\\d+) windows of (\\d+), \\S+\n");

  @TempDir
  private Path folder;

  private Path file(String text) throws IOException {
    return Files.writeString(folder.resolve("text.txt"), text);
  }

  private static String text(int characters) throws IOException {
    return Files.readString(Cli.ROOT.resolve("testkit/fixtures/tinyshakespeare.txt")).substring(0, characters);
  }

  /**
   * Against the scalar kernels, a token at a time. A tokenizer that begins a text with a token ({@code beginning} is 1)
   * begins each window with it.
   */
  @ParameterizedTest
  @CsvSource({
      "models/layerskip-shakespeare, 0",
      "testkit/fixtures/tiny-llama2-mha-untied-f32, 1",
      "testkit/fixtures/tiny-llama3-gqa-tied-bf16, 1"})
  void shouldScoreTheSecondHalfOfEachWindowAsTheReferenceDoes(String model, int beginning) throws IOException {
    Path checkpoint = Cli.ROOT.resolve(model);
    Path text = file(text(1500));
    var result = Cli.run("perplexity", "--model", checkpoint.toString(), "--text", text.toString(),
        "--context", String.valueOf(CONTEXT), "--windows", "2");

    assertThat(result.err()).isEmpty();
    assertThat(result.status()).isZero();
    Matcher report = REPORT.matcher(result.out());
    assertThat(report.matches()).as(result.out()).isTrue();
    double[] surprises = surprises(checkpoint, Files.readString(text), beginning);
    assertThat(report.group(2)).isEqualTo("100");
    assertThat(report.group(3)).isEqualTo("2");
    assertThat(report.group(4)).isEqualTo("101");
    double mean = Math.log(Double.parseDouble(report.group(1)));
    assertThat(mean).isCloseTo(mean(surprises, 50, 100), within(TOLERANCE));
    assertThat(mean).isNotCloseTo(mean(surprises, 49, 100), within(MARGIN));
    assertThat(mean).isNotCloseTo(mean(surprises, 50, 99), within(MARGIN));
    assertThat(mean).isNotCloseTo(mean(surprises, 0, 100), within(MARGIN));
  }

  /** The mean over two windows, of surprises at what follows positions [from, to). */
  private static double mean(double[] surprises, int from, int to) {
    return DoubleStream.concat(
        Arrays.stream(surprises, from, to), Arrays.stream(surprises, CONTEXT + from, CONTEXT + to))
        .average().orElseThrow();
  }

  /** In nats, at the token after each position of two windows; no token follows a window's last. */
  private static double[] surprises(Path model, String text, int beginning) {
    try (Checkpoint checkpoint = Checkpoint.open(model);
        Tokenizer tokenizer = Tokenizer.open(CheckpointFiles.of(checkpoint));
        Backend scalar = Backends.open("cpu", "scalar", 1)) {
      var weights = checkpoint.weights(Slice.whole(checkpoint.config().numLayers()));
      var transformer = Transformer.prepare(checkpoint.config(), weights, scalar, (done, total) -> {});
      int[] ids = tokenizer.encode(text).toArray();
      IntStream.range(0, beginning).forEach(i -> ids[CONTEXT + i] = ids[i]);
      double[] surprises = new double[2 * CONTEXT];
      Tensor states = transformer.tensor(1);
      float[] logits = new float[checkpoint.config().vocabSize()];
      LogitRows asks = new LogitRows(logits.length).add(0, 1, logits);
      for (int window = 0; window < 2; window++) {
        try (KvCache cache = transformer.newCache()) {
          for (int position = 0; position < CONTEXT - 1; position++) {
            int at = window * CONTEXT + position;
            transformer.embed(TokenIds.of(ids[at]), states, 0);
            transformer.layers(Batch.of(cache, position, 1), states);
            transformer.logits(states, asks);
            surprises[at] = surprise(logits, ids[at + 1]);
          }
        }
      }
      return surprises;
    }
  }

  private static double surprise(float[] logits, int id) {
    return Math.log(IntStream.range(0, logits.length)
        .mapToDouble(i -> Math.exp((double) logits[i] - logits[id]))
        .sum());
  }

  @Test
  void shouldSayWhichFileIsMissing() {
    Path nowhere = folder.resolve("nowhere.txt");

    assertThat(Cli.run("perplexity", "--text", nowhere.toString()))
        .isEqualTo(new Cli.Result(2, "", "layermesh: " + nowhere + ": no such file\n"));
  }

  @Test
  void shouldRefuseWhatIsNoText() throws IOException {
    Path bytes = Files.write(folder.resolve("bytes"), new byte[] {'a', (byte) 0xff, 'b'});

    assertThat(Cli.run("perplexity", "--text", bytes.toString()))
        .isEqualTo(new Cli.Result(2, "", "layermesh: " + bytes + ": must be UTF-8\n"));
  }

  @Test
  void shouldSayHowFarATextIsFromFillingAWindow() throws IOException {
    Path empty = file("");
    assertThat(Cli.run("perplexity", "--text", empty.toString()))
        .isEqualTo(new Cli.Result(2, "", "layermesh: " + empty + ": has 0 tokens, a window takes 512\n"));
    Path few = file("ROMEO:");
    assertThat(Cli.run("perplexity", "--text", few.toString(), "--context", "4"))
        .isEqualTo(new Cli.Result(2, "", "layermesh: " + few + ": has 2 tokens, a window takes 4\n"));
  }

  @ParameterizedTest
  @CsvSource({"--context, 3, must be 4 or more", "--windows, 0, must be 1 or more",
      "--context, 1025, 'must be at most 1024, the model''s own'"})
  void shouldRefuseWindowsThatCannotBe(String option, String value, String problem) throws IOException {
    assertThat(Cli.run("perplexity", "--text", file(text(5000)).toString(), option, value))
        .isEqualTo(new Cli.Result(2, "", "layermesh: " + option + "=" + value + ": " + problem + "\n"));
  }
}
