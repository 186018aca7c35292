package dev.layermesh.cli.complete;

import dev.layermesh.cli.process.Environment;
import dev.layermesh.cli.process.Progress;
import dev.layermesh.decoding.InputException;
import dev.layermesh.decoding.SessionKey;
import dev.layermesh.decoding.SessionSpec;
import dev.layermesh.decoding.StopReason;
import dev.layermesh.decoding.StopRule;
import dev.layermesh.decoding.TokenIds;
import dev.layermesh.decoding.WindowPolicy;
import dev.layermesh.decoding.loop.Drafter;
import dev.layermesh.decoding.loop.LocalVerifier;
import dev.layermesh.decoding.loop.Outcome;
import dev.layermesh.decoding.loop.Round;
import dev.layermesh.decoding.loop.SpeculativeDecoder;
import dev.layermesh.decoding.loop.TokenSink;
import dev.layermesh.decoding.loop.Verifier;
import dev.layermesh.engine.EngineOptions;
import dev.layermesh.engine.checkpoint.Checkpoint;
import dev.layermesh.engine.model.ModelConfig;
import dev.layermesh.engine.speculation.CoLocatedModel;
import dev.layermesh.tokenizer.ChatTemplate;
import dev.layermesh.tokenizer.GenerationDefaults;
import dev.layermesh.tokenizer.StopStrings;
import dev.layermesh.tokenizer.StreamingDetokenizer;
import dev.layermesh.tokenizer.Tokenizer;
import dev.layermesh.tokenizer.TokenizerFiles;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ThreadLocalRandom;

/** The whole path of a token in this JVM: tokenizer, draft side, verify side, and the loop between them. */
public final class LocalCompleter implements Completer {
  private final Path model;
  private final TokenizerFiles files;
  private final Tokenizer tokenizer;
  private final Optional<ChatTemplate> template;
  private final CoLocatedModel engine;

  private LocalCompleter(
      Path model, TokenizerFiles files, Tokenizer tokenizer, Optional<ChatTemplate> template, CoLocatedModel engine) {
    this.model = model;
    this.files = files;
    this.tokenizer = tokenizer;
    this.template = template;
    this.engine = engine;
  }

  /**
   * Loads a model; small files are checked before big ones are read.
   *
   * @throws InputException naming what is wrong with options or files
   */
  public static LocalCompleter open(EngineOptions options, Environment environment) {
    ModelConfig config;
    TokenizerFiles files;
    try (Checkpoint checkpoint = Checkpoint.open(options.model())) {
      config = checkpoint.config();
      config.chooseExitLayer(options.exitLayer());
      files = ModelText.of(checkpoint);
    }
    var opened = new ArrayList<AutoCloseable>();
    try {
      Tokenizer tokenizer = keep(opened, Tokenizer.open(files));
      tokenizer.requireFits(config.vocabSize());
      Optional<ChatTemplate> template = ChatTemplate.find(files);
      template.ifPresent(opened::add);
      try (var progress = Progress.ofBytes(environment, "Loading")) {
        return new LocalCompleter(
            options.model(), files, tokenizer, template, CoLocatedModel.open(options, progress));
      }
    } catch (RuntimeException failed) {
      closeAll(opened);
      throw failed;
    }
  }

  private static <R extends AutoCloseable> R keep(List<AutoCloseable> opened, R resource) {
    opened.add(resource);
    return resource;
  }

  private static void closeAll(List<AutoCloseable> opened) {
    for (AutoCloseable each : opened.reversed()) {
      try {
        each.close();
      } catch (Exception failed) {
        throw new IllegalStateException("closing " + each, failed);
      }
    }
  }

  @Override
  public ModelStamp stamp() {
    return ModelStamp.of(engine.draft().model(), engine.verify().model());
  }

  @Override
  public WindowPolicy usualWindow() {
    return engine.draft().model().window();
  }

  @Override
  public GenerationDefaults generationDefaults() {
    return GenerationDefaults.of(files);
  }

  @Override
  public int contextLength() {
    return engine.draft().model().config().maxPositions();
  }

  @Override
  public boolean hasChatTemplate() {
    return template.isPresent();
  }

  /**
   * The tokens of a prompt.
   *
   * @throws InputException when ids lie outside the vocabulary, or a conversation cannot be rendered
   */
  TokenIds encode(Prompt prompt) {
    TokenIds ids = switch (prompt) {
      case Prompt.Text text -> tokenizer.encode(text.text());
      case Prompt.Ids given -> given.ids();
      case Prompt.Chat chat -> tokenizer.encodeRendered(template
          .orElseThrow(() -> InputException.in(model, "chat_template", "absent",
              "the checkpoint has no chat template: use a prompt as it stands"))
          .render(chat.messages(), true));
    };
    int vocabulary = engine.draft().model().config().vocabSize();
    for (int id : ids.toArray()) {
      if (id >= vocabulary) {
        throw InputException.of("prompt_ids", id, "must be between 0 and " + (vocabulary - 1)
            + ", the last id of the model's vocabulary");
      }
    }
    return ids;
  }

  @Override
  public Completion complete(CompletionRequest request, CompletionListener listener) {
    TokenIds prompt = encode(request.prompt());
    if (prompt.length() + request.room() > contextLength()) {
      throw new ContextFullException(prompt.length(), request.room(), contextLength());
    }
    TokenIds eos = request.ignoreEos() ? TokenIds.empty() : engine.draft().model().config().eosIds();
    var spec = new SessionSpec(
        new SessionKey(ThreadLocalRandom.current().nextLong(), 0),
        prompt,
        new StopRule(eos, request.maxTokens(), contextLength()),
        request.sampling(),
        request.window());
    var text = new Answer(listener);
    Outcome outcome;
    try (Drafter drafter = shown(engine.draft().drafter(spec), listener);
        Verifier verifier = new LocalVerifier(engine.verify())) {
      outcome = new SpeculativeDecoder(spec, drafter, verifier, text).run();
    }
    return text.completion(spec, outcome);
  }

  private Drafter shown(Drafter drafter, CompletionListener listener) {
    return new ShownDrafter(drafter, ids -> listener.drafted(tokenizer.decode(ids)));
  }

  @Override
  public void close() {
    engine.close();
    template.ifPresent(ChatTemplate::close);
    tokenizer.close();
  }

  /** The text of one answer as it comes, and when it came. */
  private final class Answer implements TokenSink {
    private final CompletionListener listener;
    private final StreamingDetokenizer detokenizer = tokenizer.stream(StopStrings.none());
    private final StringBuilder text = new StringBuilder();
    private final long started = System.nanoTime();
    private Optional<Long> first = Optional.empty();

    Answer(CompletionListener listener) {
      this.listener = listener;
    }

    @Override
    public void prefilled(int done, int total) {
      listener.prefilled(done, total);
    }

    @Override
    public void round(Round round) {
      if (first.isEmpty()) {
        first = Optional.of(System.nanoTime());
      }
      var pieces = new ArrayList<String>();
      for (int i = 0; i < round.committed().length(); i++) {
        pieces.add(detokenizer.push(round.committed().slice(i, i + 1)).text());
      }
      var rejected = new ArrayList<String>();
      for (int i = round.accepted(); i < round.drafted().length(); i++) {
        rejected.add(tokenizer.decode(round.drafted().slice(i, i + 1)));
      }
      int accepted = Math.min(round.accepted(), pieces.size());
      commit(String.join("", pieces), Optional.of(new CompletionListener.Judged(pieces, accepted, rejected)));
    }

    private void commit(String piece, Optional<CompletionListener.Judged> judged) {
      text.append(piece);
      listener.committed(new CompletionListener.Piece(piece, judged));
    }

    Completion completion(SessionSpec spec, Outcome outcome) {
      long ended = System.nanoTime();
      String rest = detokenizer.flush().text();
      if (!rest.isEmpty()) {
        commit(rest, Optional.empty());
      }
      long firstToken = first.orElse(ended);
      int decoded = Math.max(0, outcome.committed().length() - 1);
      double seconds = (ended - firstToken) / 1e9;
      return new Completion(
          spec.prompt(),
          outcome.committed(),
          text.toString(),
          finishReason(outcome.reason()),
          spec.sampling().seed(),
          outcome.stats(),
          (firstToken - started) / 1e6,
          decoded == 0 ? 0 : decoded / seconds);
    }

    private static String finishReason(StopReason reason) {
      return switch (reason) {
        case EOS -> "stop";
        case LENGTH -> "length";
        case CANCELLED -> "cancelled";
        case SUPERSEDED -> throw new IllegalStateException("a session of this JVM alone was superseded");
      };
    }
  }
}
