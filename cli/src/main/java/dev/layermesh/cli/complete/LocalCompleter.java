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
import dev.layermesh.tokenizer.GenerationDefaults;
import dev.layermesh.tokenizer.TokenizerFiles;
import dev.layermesh.tokenizer.text.AnswerPiece;
import dev.layermesh.tokenizer.text.AnswerText;
import dev.layermesh.tokenizer.text.GenerationCounters;
import dev.layermesh.tokenizer.text.TokenizerText;
import java.util.List;
import java.util.OptionalLong;
import java.util.concurrent.ThreadLocalRandom;

/** The whole path of a token in this JVM: tokenizer, draft side, verify side, and the loop between them. */
public final class LocalCompleter implements Completer {
  private final TokenizerText text;
  private final CoLocatedModel engine;

  private LocalCompleter(TokenizerText text, CoLocatedModel engine) {
    this.text = text;
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
      files = CheckpointFiles.of(checkpoint);
    }
    TokenizerText text = TokenizerText.open(files, config.vocabSize());
    try (var progress = Progress.ofBytes(environment, "Loading")) {
      return new LocalCompleter(text, CoLocatedModel.open(options, progress));
    } catch (RuntimeException failed) {
      text.close();
      throw failed;
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
    return text.samplingDefaults();
  }

  @Override
  public int contextLength() {
    return engine.draft().model().config().maxPositions();
  }

  @Override
  public boolean hasChatTemplate() {
    return text.hasChatTemplate();
  }

  @Override
  public Completion complete(CompletionRequest request, CompletionListener listener) {
    TokenIds prompt = text.encode(request.prompt(), i -> "prompt_ids");
    if (prompt.length() + request.room() > contextLength()) {
      throw new ContextFullException(prompt.length(), request.room(), contextLength());
    }
    TokenIds eos = request.ignoreEos() ? TokenIds.empty() : text.eosIds();
    var spec = new SessionSpec(
        new SessionKey(ThreadLocalRandom.current().nextLong(), 0),
        prompt,
        new StopRule(eos, request.maxTokens(), contextLength()),
        request.sampling(),
        request.window());
    var answer = new ShownAnswer(eos, listener);
    Outcome outcome;
    try (Drafter drafter = shown(engine.draft().drafter(spec), listener);
        Verifier verifier = new LocalVerifier(engine.verify())) {
      outcome = new SpeculativeDecoder(spec, drafter, verifier, answer).run();
    }
    return answer.completion(spec, outcome);
  }

  private Drafter shown(Drafter drafter, CompletionListener listener) {
    return new ShownDrafter(drafter, ids -> listener.drafted(text.decode(ids)));
  }

  @Override
  public void close() {
    engine.close();
    text.close();
  }

  /** Shows the text of one answer as it is committed, and records the times. */
  private final class ShownAnswer implements TokenSink {
    private final CompletionListener listener;
    private final AnswerText answer;
    private final long started = System.nanoTime();
    private OptionalLong firstTokenNanos = OptionalLong.empty();

    ShownAnswer(TokenIds eosIds, CompletionListener listener) {
      this.listener = listener;
      answer = new AnswerText(text, eosIds, List.of(), true);
    }

    @Override
    public void prefilled(int done, int total) {
      listener.prefilled(done, total);
    }

    @Override
    public void round(Round round) {
      if (firstTokenNanos.isEmpty()) {
        firstTokenNanos = OptionalLong.of(System.nanoTime() - started);
      }
      show(answer.take(round));
    }

    private void show(AnswerPiece piece) {
      listener.committed(new CompletionListener.Piece(piece.text(), piece.judged()
          .map(judged -> new CompletionListener.Judged(judged.pieces(), judged.accepted(), judged.rejected()))));
    }

    Completion completion(SessionSpec spec, Outcome outcome) {
      long totalNanos = System.nanoTime() - started;
      AnswerPiece rest = answer.finish();
      if (!rest.text().isEmpty()) {
        show(rest);
      }
      return new Completion(
          spec.prompt(),
          outcome.committed(),
          answer.text(),
          finishReason(outcome.reason()),
          spec.sampling().seed(),
          GenerationCounters.of(outcome.stats(), outcome.committed().length(), firstTokenNanos, totalNanos));
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
