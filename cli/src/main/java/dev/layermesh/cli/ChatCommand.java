package dev.layermesh.cli;

import dev.layermesh.cli.complete.Completer;
import dev.layermesh.cli.complete.CompletionRequest;
import dev.layermesh.cli.complete.ContextFullException;
import dev.layermesh.cli.complete.UnansweredException;
import dev.layermesh.cli.options.AnswerMixin;
import dev.layermesh.cli.process.Environment;
import dev.layermesh.cli.process.InputLines;
import dev.layermesh.decoding.InputException;
import dev.layermesh.tokenizer.ChatMessage;
import dev.layermesh.tokenizer.text.Prompt;
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
        "Talk to a model through its chat template: each line is a message.",
        "/reset forgets the conversation, /exit or the end of input ends it. When the context is full, the oldest "
            + "messages are forgotten, with a notice."},
    footer = {"", "Example:", "  layermesh chat --model models/my-llama --system 'Answer in verse.'"})
final class ChatCommand implements Callable<Integer> {
  private final Environment environment;

  @Option(names = "--system", paramLabel = "TEXT", description = "The system message (default: none).")
  private String system;

  @Mixin
  private final AnswerMixin answers;

  @Spec
  private CommandSpec spec;

  ChatCommand(Environment environment) {
    this.environment = environment;
    this.answers = new AnswerMixin(environment);
  }

  @Override
  public Integer call() throws InterruptedException {
    answers.check();
    try (Completer completer = answers.open();
        var _ = environment.signals().onSignal(Thread.currentThread()::interrupt)) {
      if (!completer.hasChatTemplate()) {
        throw InputException.of("--model", answers.engine().options().model(),
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
        Optional<String> line = read(lines);
        if (line.isEmpty() || line.get().strip().equals("/exit")) {
          return;
        }
        say(completer, conversation, line.get());
      }
    } catch (InterruptedException ended) {
      notice("ended");
    }
  }

  private void say(Completer completer, Conversation conversation, String line) {
    switch (line.strip()) {
      case "" -> {}
      case "/reset" -> {
        conversation.reset();
        notice("conversation forgotten");
      }
      default -> ask(completer, conversation, line);
    }
  }

  private void ask(Completer completer, Conversation conversation, String question) {
    conversation.add(new ChatMessage("user", question));
    try {
      conversation.add(new ChatMessage("assistant", answer(completer, conversation)));
    } catch (UnansweredException unanswered) {
      conversation.forgetLatest();
      notice("not answered, ask again: " + unanswered.getMessage());
    }
  }

  /** Asks again with fewer earlier turns until it fits. */
  private String answer(Completer completer, Conversation conversation) {
    int room = Math.min(answers.maxTokens(), Math.max(1, completer.contextLength() / 4));
    while (true) {
      try {
        CompletionRequest request = answers.request(completer, new Prompt.Chat(conversation.messages()), room);
        return answers.show(completer, request, spec.commandLine().getOut()).text();
      } catch (ContextFullException full) {
        if (!conversation.forgetOldest()) {
          throw full;
        }
        notice("the context is full: the oldest messages were forgotten");
      }
    }
  }

  private Optional<String> read(InputLines lines) throws InterruptedException {
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
