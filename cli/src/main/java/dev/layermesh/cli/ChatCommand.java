package dev.layermesh.cli;

import dev.layermesh.decoding.InputException;
import dev.layermesh.tokenizer.ChatMessage;
import java.io.PrintWriter;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** A conversation in the terminal. */
@Command(
    name = "chat",
    description = {
        "Talk to a model through its chat template: a line is a message.",
        "/reset forgets the conversation, /exit or the end of input ends it. When the context is full, the oldest "
            + "messages are forgotten, with a notice."},
    footer = {"", "Example:", "  layermesh chat --model models/my-llama --system 'Answer in verse.'"})
final class ChatCommand implements Callable<Integer> {
  private final Environment environment;

  @Option(names = "--system", paramLabel = "TEXT", description = "How the assistant is to behave (default: not said).")
  private String system;

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

  @Spec
  private CommandSpec spec;

  ChatCommand(Environment environment) {
    this.environment = environment;
    this.engine = new EngineMixin(environment);
  }

  @Override
  public Integer call() throws InterruptedException {
    generation.maxTokens();
    try (Completer completer = connect.open(engine, environment);
        var _ = environment.signals().onSignal(Thread.currentThread()::interrupt)) {
      if (!completer.hasChatTemplate()) {
        throw InputException.of("--model", engine.options().model(),
            "has no chat template: use generate, or a checkpoint with one");
      }
      converse(completer, new Conversation(Optional.ofNullable(system)));
    }
    return 0;
  }

  private void converse(Completer completer, Conversation conversation) {
    var lines = new InputLines(environment.stdin());
    try {
      while (!environment.signals().raised()) {
        Optional<String> line = ask(lines);
        if (line.isEmpty() || line.get().strip().equals("/exit")) {
          return;
        }
        say(completer, conversation, line.get());
      }
    } catch (InterruptedException ended) {
      notice("ended");
    }
  }

  private void say(Completer completer, Conversation conversation, String line) throws InterruptedException {
    switch (line.strip()) {
      case "" -> { }
      case "/reset" -> {
        conversation.reset();
        notice("conversation forgotten");
      }
      default -> {
        conversation.add(new ChatMessage("user", line));
        conversation.add(new ChatMessage("assistant", answer(completer, conversation)));
      }
    }
  }

  /** Asks again with less of the past until it fits. */
  private String answer(Completer completer, Conversation conversation) throws InterruptedException {
    int room = Math.min(generation.maxTokens(), Math.max(1, completer.contextLength() / 4));
    PrintWriter out = spec.commandLine().getOut();
    while (true) {
      AnswerView view = AnswerView.on(out, color);
      try (var prefill = Progress.ofItems(environment, "Prefill", "tokens")) {
        CompletionRequest request =
            strategy.applyTo(generation.request(new Prompt.Chat(conversation.messages()), room));
        String text = completer.complete(request, new PrefillProgress(prefill, view)).text();
        view.end();
        return text;
      } catch (ContextFullException full) {
        if (!conversation.forgetOldest()) {
          throw full;
        }
        notice("the context is full: the oldest messages were forgotten");
      }
    }
  }

  private Optional<String> ask(InputLines lines) throws InterruptedException {
    if (environment.terminal()) {
      spec.commandLine().getErr().print("> ");
      spec.commandLine().getErr().flush();
    }
    return lines.next();
  }

  private void notice(String what) {
    spec.commandLine().getErr().println("(" + what + ")");
  }
}
