package dev.layermesh.cli;

import dev.layermesh.decoding.InputException;
import java.io.PrintWriter;
import java.util.concurrent.Callable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Continues one prompt. */
@Command(
    name = "generate",
    description = "Continue one prompt; the text goes to stdout as it is committed.",
    footer = {"", "Example:", "  layermesh generate --prompt 'ROMEO:' --max-tokens 64 --color"})
final class GenerateCommand implements Callable<Integer> {
  private final Environment environment;

  @ArgGroup(multiplicity = "1")
  private PromptMixin prompt;

  @Mixin
  private final AnswerMixin answer;

  @Option(names = "--json", description = "Print one object with tokens, text and counters at the end.")
  private boolean json;

  @Spec
  private CommandSpec spec;

  GenerateCommand(Environment environment) {
    this.environment = environment;
    this.answer = new AnswerMixin(environment);
  }

  @Override
  public Integer call() throws InterruptedException {
    if (json && answer.inColor()) {
      throw InputException.in("--color", "must not stand beside --json, which prints no text as it comes");
    }
    CompletionRequest request = answer.request(prompt.prompt(environment), 1);
    PrintWriter out = spec.commandLine().getOut();
    try (Completer completer = answer.open();
        var _ = environment.signals().onSignal(Thread.currentThread()::interrupt)) {
      if (json) {
        out.println(answer.complete(completer, request, CompletionListener.NONE).toJson());
      } else {
        answer.show(completer, request, out);
      }
    }
    return 0;
  }
}
