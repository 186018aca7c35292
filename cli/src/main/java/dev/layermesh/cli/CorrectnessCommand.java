package dev.layermesh.cli;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import dev.layermesh.cli.complete.Completer;
import dev.layermesh.cli.complete.Completion;
import dev.layermesh.cli.complete.CompletionListener;
import dev.layermesh.cli.complete.CompletionRequest;
import dev.layermesh.cli.complete.ContextFullException;
import dev.layermesh.cli.options.EngineMixin;
import dev.layermesh.cli.options.GenerationMixin;
import dev.layermesh.cli.process.Environment;
import dev.layermesh.cli.process.ExitStatus;
import dev.layermesh.cli.process.Progress;
import dev.layermesh.cli.runs.PromptFile;
import dev.layermesh.decoding.InputException;
import dev.layermesh.decoding.TokenIds;
import dev.layermesh.decoding.WindowPolicy;
import dev.layermesh.decoding.loop.DecodeStats;
import dev.layermesh.engine.EngineOptions;
import dev.layermesh.tokenizer.GenerationDefaults;
import dev.layermesh.tokenizer.text.GenerationCounters;
import dev.layermesh.tokenizer.text.Prompt;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Checks on a user's own model and prompts that speculation changes nothing. */
@Command(
    name = "correctness",
    description = {
        "Decode every prompt of a file twice, self-speculative and autoregressive, and compare the tokens.",
        "A line of the file is a JSON object with prompt (a text), prompt_ids (tokens) or turns (texts; the "
            + "first is asked, through the chat template where the checkpoint has one). Lines that are none of these, "
            + "or too long for the context, are named, counted and skipped.",
        "Ends with 0 when all prompts were compared and none differed, else with 1; also with 1 after a signal."},
    footer = {"", "Example:", "  layermesh correctness --prompts prompts.jsonl --limit 20 --max-tokens 64"})
final class CorrectnessCommand implements Callable<Integer> {
  /** A check of speculation drafts, whether or not that is fast with this model. */
  private static final WindowPolicy DRAFTING = WindowPolicy.usual(true);

  private final Environment environment;
  private final Opener opener;

  @Option(names = "--prompts", required = true, paramLabel = "FILE",
      description = "The prompts, one JSON object a line.")
  private Path prompts;

  @Option(names = "--limit", paramLabel = "N", description = "Stop after so many compared prompts (default: all).")
  private Integer limit;

  @Mixin
  private GenerationMixin generation;

  @Mixin
  private final EngineMixin engine;

  @Option(names = "--json", description = "Print the summary as one object.")
  private boolean json;

  @Spec
  private CommandSpec spec;

  /** Loads a model; a test may put another between. */
  @FunctionalInterface
  interface Opener {
    Completer open(EngineOptions options, Environment environment);
  }

  CorrectnessCommand(Environment environment, Opener opener) {
    this.environment = environment;
    this.opener = opener;
    this.engine = new EngineMixin(environment);
  }

  @Override
  public Integer call() throws InterruptedException {
    if (limit != null && limit < 1) {
      throw InputException.of("--limit", limit, "must be 1 or more");
    }
    generation.requireReproducible();
    // A signal while the model loads waits for it: a check that was cut short must not end with 0.
    try (var _ = environment.signals().onSignal(() -> {})) {
      return compareAll(PromptFile.read(prompts));
    }
  }

  private int compareAll(List<PromptFile.Line> lines) throws InterruptedException {
    var tally = new Tally();
    EngineOptions options = engine.options();
    // Each run computes its own rows: rows shared between the two would not be compared.
    EngineOptions unshared = options.withKv(options.kv().unshared());
    try (Completer completer = opener.open(unshared, environment);
        var _ = environment.signals().onSignal(Thread.currentThread()::interrupt);
        var progress = Progress.ofItems(environment, "Comparing", "prompts")) {
      int total = limit == null ? lines.size() : Math.min(limit, lines.size());
      for (PromptFile.Line line : lines) {
        if (limit != null && tally.compared == limit) {
          break;
        }
        compare(completer, line, tally, progress);
        progress.progressed(Math.min(total, tally.compared + tally.skipped()), total);
      }
    }
    if (tally.compared == 0) {
      throw InputException.in(prompts, "holds no prompt to compare: " + tally.skippedWords());
    }
    out().println(json ? tally.json() : tally.summary());
    return tally.different == 0 ? 0 : ExitStatus.RUN_FAILED;
  }

  private void compare(Completer completer, PromptFile.Line line, Tally tally, Progress progress)
      throws InterruptedException {
    switch (line) {
      case PromptFile.Line.Asked asked ->
          compare(completer, asked, asked.prompt(completer.hasChatTemplate()), tally, progress);
      case PromptFile.Line.Malformed malformed -> {
        tally.malformed++;
        report(progress, line, "skipped: " + malformed.why());
      }
    }
  }

  private void compare(
      Completer completer, PromptFile.Line line, Prompt prompt, Tally tally, Progress progress)
      throws InterruptedException {
    try {
      CompletionRequest request = generation.request(prompt, 1, DRAFTING, GenerationDefaults.NONE);
      Completion speculative = completed(completer, request);
      Completion plain = completed(completer, request.withWindow(WindowPolicy.AUTOREGRESSIVE));
      tally.compared(speculative, plain);
      if (!speculative.tokenIds().equals(plain.tokenIds())) {
        report(progress, line, difference(speculative.tokenIds(), plain.tokenIds()));
      }
    } catch (ContextFullException tooLong) {
      tally.tooLong++;
      report(progress, line, "skipped: " + tooLong.getMessage());
    } catch (InputException unusable) {
      tally.malformed++;
      report(progress, line, "skipped: " + unusable.getMessage());
    }
  }

  private static Completion completed(Completer completer, CompletionRequest request) throws InterruptedException {
    Completion completion = completer.complete(request, CompletionListener.NONE);
    if (completion.finishReason().equals("cancelled")) {
      throw new InterruptedException("interrupted: not all prompts were compared");
    }
    return completion;
  }

  private static String difference(TokenIds speculative, TokenIds plain) {
    int position = 0;
    while (position < Math.min(speculative.length(), plain.length())
        && speculative.id(position) == plain.id(position)) {
      position++;
    }
    return "differs at generated token " + position + ": self-speculative " + token(speculative, position)
        + ", autoregressive " + token(plain, position);
  }

  private static String token(TokenIds ids, int position) {
    return position < ids.length() ? "has " + ids.id(position) : "ended";
  }

  private void report(Progress progress, PromptFile.Line line, String what) {
    progress.makeWay();
    out().println(prompts + ":" + line.number() + ": " + what);
  }

  private PrintWriter out() {
    return spec.commandLine().getOut();
  }

  /** What was found so far. */
  private static final class Tally {
    private int compared;
    private int different;
    private int tooLong;
    private int malformed;
    private long tokens;
    private DecodeStats speculative = DecodeStats.NONE;

    void compared(Completion one, Completion other) {
      compared++;
      different += one.tokenIds().equals(other.tokenIds()) ? 0 : 1;
      tokens += one.tokenIds().length();
      speculative = speculative.plus(one.stats());
    }

    int skipped() {
      return tooLong + malformed;
    }

    String skippedWords() {
      return skipped() + " skipped (" + tooLong + " too long, " + malformed + " malformed)";
    }

    String summary() {
      return String.format(
          Locale.ROOT,
          "%d prompts, %d tokens compared: %d differences, %s; acceptance rate %.3f, mean acceptance length %.3f",
          compared, tokens, different, skippedWords(), speculative.acceptanceRate(),
          speculative.meanAcceptanceLength());
    }

    String json() {
      return JsonNodeFactory.instance.objectNode()
          .put("prompts", compared)
          .put("tokens", tokens)
          .put("differences", different)
          .put("skipped_too_long", tooLong)
          .put("skipped_malformed", malformed)
          .put("acceptance_rate", GenerationCounters.rounded(speculative.acceptanceRate()))
          .put("mean_acceptance_length", GenerationCounters.rounded(speculative.meanAcceptanceLength()))
          .toString();
    }
  }
}
