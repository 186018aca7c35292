package dev.layermesh.cli;

import dev.layermesh.cli.complete.CheckpointFiles;
import dev.layermesh.cli.options.EngineMixin;
import dev.layermesh.cli.process.Environment;
import dev.layermesh.cli.process.Progress;
import dev.layermesh.cli.runs.TextFile;
import dev.layermesh.decoding.InputException;
import dev.layermesh.decoding.TokenIds;
import dev.layermesh.engine.EngineOptions;
import dev.layermesh.engine.checkpoint.Checkpoint;
import dev.layermesh.engine.measure.Perplexity;
import dev.layermesh.engine.measure.Perplexity.Score;
import dev.layermesh.tokenizer.Tokenizer;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.stream.IntStream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Measures how well a model predicts a text, as this engine computes it. */
@Command(
    name = "perplexity",
    description = "Score a text in windows, as llama.cpp's perplexity tool does: what a quantization costs.",
    footer = {"", "Example:", "  layermesh perplexity --model MODEL.gguf --text FILE --windows 8"})
final class PerplexityCommand implements Callable<Integer> {
  private final Environment environment;

  @Mixin
  private final EngineMixin engine;

  @Option(names = "--text", paramLabel = "FILE", required = true, description = "A text in UTF-8.")
  private Path text;

  @Option(names = "--context", paramLabel = "N", defaultValue = "512",
      description = "Tokens of a window; its second half is scored (default: ${DEFAULT-VALUE}).")
  private int context;

  @Option(names = "--windows", paramLabel = "N", description = "Windows at most (default: the whole text).")
  private int windows = Integer.MAX_VALUE;

  @Spec
  private CommandSpec spec;

  PerplexityCommand(Environment environment) {
    this.environment = environment;
    this.engine = new EngineMixin(environment);
  }

  @Override
  public Integer call() {
    if (context < 4) {
      throw InputException.of("--context", context, "must be 4 or more");
    }
    if (windows < 1) {
      throw InputException.of("--windows", windows, "must be 1 or more");
    }
    EngineOptions options = engine.options();
    List<TokenIds> cut = cut(options);
    PrintWriter out = spec.commandLine().getOut();
    var all = new Score(0, 0);
    try (Perplexity model = open(options)) {
      for (TokenIds window : cut) {
        all = all.plus(model.score(window));
      }
      out.println(String.format(Locale.ROOT, "perplexity %.4f, %d tokens scored in %d windows of %d, %s",
          all.perplexity(), all.tokens(), cut.size(), context, model.arithmetic()));
      out.flush();
    }
    return 0;
  }

  private Perplexity open(EngineOptions options) {
    try (var progress = Progress.ofBytes(environment, "Loading")) {
      return Perplexity.open(options, progress);
    }
  }

  /** The windows of the text. Where a tokenizer begins a text with a token, each window begins with it. */
  private List<TokenIds> cut(EngineOptions options) {
    String whole = TextFile.read(text);
    try (Checkpoint checkpoint = Checkpoint.open(options.model());
        Tokenizer tokenizer = Tokenizer.open(CheckpointFiles.of(checkpoint))) {
      TokenIds ids = tokenizer.encode(whole);
      if (ids.length() < context) {
        throw InputException.in(text, "has " + ids.length() + " tokens, a window takes " + context);
      }
      TokenIds start = tokenizer.encode("");
      return IntStream.range(0, Math.min(windows, ids.length() / context))
          .mapToObj(i -> start.concat(ids.slice(i * context + start.length(), (i + 1) * context)))
          .toList();
    }
  }
}
