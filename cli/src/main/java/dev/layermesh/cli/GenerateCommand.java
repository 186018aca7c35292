package dev.layermesh.cli;

import dev.layermesh.cli.complete.Completer;
import dev.layermesh.cli.complete.CompletionListener;
import dev.layermesh.cli.complete.CompletionRequest;
import dev.layermesh.cli.options.AnswerMixin;
import dev.layermesh.cli.options.PromptMixin;
import dev.layermesh.cli.options.RunMixin;
import dev.layermesh.cli.process.Environment;
import dev.layermesh.cli.runs.PromptRun;
import dev.layermesh.decoding.InputException;
import dev.layermesh.tokenizer.text.Prompt;
import java.io.PrintWriter;
import java.util.concurrent.Callable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Continues one prompt, or every prompt of a file. */
@Command(
    name = "generate",
    description = {
        "Continue one prompt; the text goes to stdout as it is committed.",
        "With --prompts, continue every prompt of a file, some at a time, and write a JSON object for each as it ends: "
            + "line and id of the prompt, the fields of --json or an error, and the settings that made it. A line of "
            + "the file holds prompt (a text), prompt_ids (tokens) or turns (texts; the first is asked), and "
            + "optionally an id; one that holds no prompt is skipped and counted. A prompt's seed is made of "
            + "--seed and its line number: its tokens depend neither on --parallel nor on the other prompts. A run "
            + "that was stopped continues with the same command. Ends with 1 when a prompt failed."},
    footer = {
        "",
        "Example:",
        "  layermesh generate --prompt 'ROMEO:' --max-tokens 64 --color",
        "  layermesh generate --prompts prompts.jsonl --parallel 16 --out results.jsonl --max-tokens 64"})
final class GenerateCommand implements Callable<Integer> {
  private final Environment environment;

  @ArgGroup(multiplicity = "1")
  private PromptMixin prompt;

  @Mixin
  private RunMixin run;

  @Mixin
  private final AnswerMixin answer;

  @Option(names = "--json", description = "Print one object with tokens, text and counters at the end; with --prompts, "
      + "make the summary an object.")
  private boolean json;

  @Spec
  private CommandSpec spec;

  GenerateCommand(Environment environment) {
    this.environment = environment;
    this.answer = new AnswerMixin(environment);
  }

  @Override
  public Integer call() throws InterruptedException {
    PrintWriter out = spec.commandLine().getOut();
    if (prompt.file().isPresent()) {
      requirePlain("--prompts");
      return new PromptRun(environment, answer, run, out, spec.commandLine().getErr())
          .run(prompt.file().get(), json);
    }
    run.requireAbsent();
    if (json) {
      requirePlain("--json");
    }
    continueOne(out);
    return 0;
  }

  private void requirePlain(String option) {
    if (answer.inColor()) {
      throw InputException.in("--color", "cannot be combined with " + option + ", which streams no text");
    }
  }

  private void continueOne(PrintWriter out) throws InterruptedException {
    answer.check();
    Prompt asked = prompt.prompt(environment);
    try (Completer completer = answer.open();
        var _ = environment.signals().onSignal(Thread.currentThread()::interrupt)) {
      CompletionRequest request = answer.request(completer, asked, 1);
      if (json) {
        out.println(answer.complete(completer, request, CompletionListener.NONE).toJson());
      } else {
        answer.show(completer, request, out);
      }
    }
  }
}
