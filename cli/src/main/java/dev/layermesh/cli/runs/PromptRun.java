package dev.layermesh.cli.runs;

import dev.layermesh.cli.complete.Completer;
import dev.layermesh.cli.complete.CompletionRequest;
import dev.layermesh.cli.options.AnswerMixin;
import dev.layermesh.cli.options.RunMixin;
import dev.layermesh.cli.process.Environment;
import dev.layermesh.cli.process.ExitStatus;
import dev.layermesh.cli.process.Progress;
import dev.layermesh.decoding.InputException;
import dev.layermesh.decoding.TokenIds;
import dev.layermesh.tokenizer.text.Prompt;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * Continues every prompt of a file and writes a line for each as it ends. The caller's thread alone writes and counts;
 * {@link PromptWorkers} wait for tokens. A signal ends it early, with what is finished.
 */
public final class PromptRun {
  private static final Prompt ANY = new Prompt.Ids(TokenIds.empty());

  private final Environment environment;
  private final AnswerMixin answers;
  private final RunMixin options;
  private final PrintWriter stdout;
  private final PrintWriter stderr;

  public PromptRun(
      Environment environment, AnswerMixin answers, RunMixin options, PrintWriter stdout, PrintWriter stderr) {
    this.environment = environment;
    this.answers = answers;
    this.options = options;
    this.stdout = stdout;
    this.stderr = stderr;
  }

  /**
   * Runs the prompts.
   *
   * @param json whether the summary is an object
   * @return the status of the process
   */
  public int run(Path prompts, boolean json) throws InterruptedException {
    options.parallel(); // a wrong one is found before the model is loaded
    answers.check();
    List<PromptFile.Line> lines = PromptFile.read(prompts);
    long total = requireAny(prompts, lines);
    RunTally tally;
    try (ResultSink sink = ResultSink.open(options.out(), stdout);
        Completer completer = answers.openForMany()) {
      tally = new RunTally(total);
      var earlier = new EarlierRuns(options.out().orElse(Path.of("-")), sink.earlier());
      CompletionRequest manner = answers.request(completer, ANY, 1);
      RunSettings settings = earlier.goOnWith(new RunSettings(completer.stamp(), manner), answers.seedGiven());
      List<PromptFile.Line> left = earlier.left(prompts, lines, tally);
      answers.announce();
      complete(completer, settings, left, new ResultLog(sink, settings.toJson(), tally));
    }
    summarize(json ? tally.json() : tally.summary());
    return tally.anyFailed() && !environment.signals().raised() ? ExitStatus.RUN_FAILED : 0;
  }

  private static long requireAny(Path prompts, List<PromptFile.Line> lines) {
    long asked = lines.stream().filter(PromptFile.Line.Asked.class::isInstance).count();
    if (asked == 0) {
      throw InputException.in(prompts, "holds no prompt: " + lines.size() + " skipped (malformed)");
    }
    return asked;
  }

  private void complete(Completer completer, RunSettings settings, List<PromptFile.Line> lines, ResultLog log)
      throws InterruptedException {
    var prompts = new ArrayList<PromptFile.Line.Asked>();
    for (PromptFile.Line line : lines) {
      switch (line) {
        case PromptFile.Line.Asked asked -> prompts.add(asked);
        case PromptFile.Line.Malformed malformed -> log.add(new PromptResult.Skipped(line, malformed.why()));
      }
    }
    try (var workers = new PromptWorkers(completer, settings, prompts, options.parallel());
        var _ = environment.signals().onSignal(workers::stop);
        var progress = Progress.ofItems(environment, "Generating", "prompts", log.tally().done())) {
      show(progress, log.tally());
      for (var result = workers.next(); result.isPresent(); result = workers.next()) {
        if (options.out().isEmpty()) {
          progress.makeWay();
        }
        if (!log.add(result.get())) {
          workers.stop();
        }
        show(progress, log.tally());
      }
    }
  }

  private static void show(Progress progress, RunTally tally) {
    progress.progressed(tally.done(), tally.total());
    progress.say(String.format(Locale.ROOT, "%.0f tokens/s", tally.tokensPerSecond()));
  }

  /** Standard output carries results only: where those of the prompts are, the summary goes to a terminal only. */
  private void summarize(String summary) {
    if (options.out().isPresent()) {
      stdout.println(summary);
    } else if (environment.terminal()) {
      stderr.println(summary);
    }
  }
}
