package dev.layermesh.cli.options;

import dev.layermesh.cli.complete.AnswerView;
import dev.layermesh.cli.complete.Completer;
import dev.layermesh.cli.complete.Completion;
import dev.layermesh.cli.complete.CompletionListener;
import dev.layermesh.cli.complete.CompletionRequest;
import dev.layermesh.cli.complete.PrefillProgress;
import dev.layermesh.cli.process.Environment;
import dev.layermesh.cli.process.Progress;
import dev.layermesh.decoding.WindowPolicy;
import dev.layermesh.tokenizer.GenerationDefaults;
import dev.layermesh.tokenizer.text.Prompt;
import java.io.PrintWriter;
import java.util.Optional;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Options of answers that a single prompt and a conversation share. */
public final class AnswerMixin {
  private final Environment environment;

  @Mixin
  private StrategyMixin strategy;

  @Mixin
  private GenerationMixin generation;

  @Mixin
  private GenerationConfigMixin generationConfig;

  @Mixin
  private final EngineMixin engine;

  @Mixin
  private ConnectMixin connect;

  @Spec(Spec.Target.MIXEE)
  private CommandSpec command;

  @Option(names = "--color", description = "Show draft tokens dimmed, then confirmed (green) or replaced (yellow).")
  private boolean color;

  private Optional<String> notice = Optional.empty(); // to be printed when the first answer begins

  public AnswerMixin(Environment environment) {
    this.environment = environment;
    this.engine = new EngineMixin(environment);
  }

  /**
   * Refuses wrong values before a model is loaded.
   *
   * @throws dev.layermesh.decoding.InputException naming the option
   */
  public void check() {
    generation.request(new Prompt.Text(""), 1, WindowPolicy.AUTOREGRESSIVE, GenerationDefaults.NONE);
  }

  /**
   * The request for a prompt that must leave some room in the context; other options keep the model's values.
   */
  public CompletionRequest request(Completer completer, Prompt prompt, int room) {
    GenerationDefaults defaults = generationConfig.of(completer::generationDefaults);
    return strategy.applyTo(generation.request(prompt, room, completer.usualWindow(), defaults));
  }

  /** Whether the seed was chosen by the user, and not drawn. */
  public boolean seedGiven() {
    return generation.seedGiven();
  }

  public int maxTokens() {
    return generation.maxTokens();
  }

  public boolean inColor() {
    return color;
  }

  public EngineMixin engine() {
    return engine;
  }

  /** Loads the model, or finds the gateway. */
  public Completer open() throws InterruptedException {
    Completer completer = connect.open(engine, environment);
    if (connect.isHere() && strategy.drafts() && !generation.windowGiven()) {
      notice = DraftNotice.of(completer.usualWindow());
    }
    return completer;
  }

  /**
   * Says once that the command drafts nothing, after the input was checked: an error must be the only line.
   */
  public void announce() {
    notice.ifPresent(command.commandLine().getErr()::println);
    notice = Optional.empty();
  }

  /** As {@link #open()}, for many prompts at once. */
  public Completer openForMany() throws InterruptedException {
    connect.requireManyAtOnce();
    return open();
  }

  /** Makes an answer, with a progress bar during prefill. */
  public Completion complete(Completer completer, CompletionRequest request, CompletionListener listener) {
    try (var prefill = Progress.ofItems(environment, "Prefill", "tokens")) {
      return completer.complete(request, new Announcing(new PrefillProgress(prefill, listener)));
    }
  }

  /** Makes an answer that is shown as it is committed; its last line is always ended. */
  public Completion show(Completer completer, CompletionRequest request, PrintWriter out) {
    AnswerView view = AnswerView.on(out, color);
    try {
      return complete(completer, request, view);
    } finally {
      view.end();
    }
  }

  /** Prints the notice when the first answer begins. */
  private final class Announcing implements CompletionListener {
    private final CompletionListener then;

    Announcing(CompletionListener then) {
      this.then = then;
    }

    @Override
    public void prefilled(int done, int total) {
      announce();
      then.prefilled(done, total);
    }

    @Override
    public void drafted(String text) {
      then.drafted(text);
    }

    @Override
    public void committed(Piece piece) {
      announce();
      then.committed(piece);
    }
  }
}
