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
  private StrategyMixin strategy;

  @Mixin
  private GenerationMixin generation;

  @Mixin
  private final EngineMixin engine;

  @Mixin
  private ConnectMixin connect;

  @Option(names = "--color", description = "Show draft tokens dimmed, then confirmed (green) or replaced (yellow).")
  private boolean color;

  @Option(names = "--json", description = "Print one object with tokens, text and counters at the end.")
  private boolean json;

  @Spec
  private CommandSpec spec;

  GenerateCommand(Environment environment) {
    this.environment = environment;
    this.engine = new EngineMixin(environment);
  }

  @Override
  public Integer call() throws InterruptedException {
    if (json && color) {
      throw InputException.in("--color", "must not stand beside --json, which prints no text as it comes");
    }
    CompletionRequest request = strategy.applyTo(generation.request(prompt.prompt(environment)));
    PrintWriter out = spec.commandLine().getOut();
    try (Completer completer = connect.open(engine, environment);
        var _ = environment.signals().onSignal(Thread.currentThread()::interrupt)) {
      if (json) {
        Completion completion = complete(completer, request, CompletionListener.NONE);
        out.println(completion.toJson());
      } else {
        AnswerView view = AnswerView.on(out, color);
        try {
          complete(completer, request, view);
        } finally {
          view.end();
        }
      }
    }
    return 0;
  }

  private Completion complete(Completer completer, CompletionRequest request, CompletionListener listener)
      throws InterruptedException {
    try (var prefill = Progress.ofItems(environment, "Prefill", "tokens")) {
      return completer.complete(request, new PrefillProgress(prefill, listener));
    }
  }
}
