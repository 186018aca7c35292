package dev.layermesh.system;

import static org.assertj.core.api.Assertions.assertThat;

import dev.layermesh.decoding.SamplingParams;
import dev.layermesh.decoding.SessionKey;
import dev.layermesh.decoding.SessionSpec;
import dev.layermesh.decoding.StopRule;
import dev.layermesh.decoding.TokenIds;
import dev.layermesh.decoding.WindowPolicy;
import dev.layermesh.decoding.loop.DecodeStats;
import dev.layermesh.decoding.loop.LocalSessionHost;
import dev.layermesh.decoding.loop.LocalVerifier;
import dev.layermesh.decoding.loop.SessionHost;
import dev.layermesh.decoding.loop.TokenSink;
import dev.layermesh.engine.EngineOptions;
import dev.layermesh.engine.speculation.DraftModel;
import dev.layermesh.engine.speculation.VerifyModel;
import dev.layermesh.testkit.Fixtures;
import dev.layermesh.tokenizer.Tokenizer;
import dev.layermesh.tokenizer.TokenizerFiles;
import java.util.List;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongFunction;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The bundled model drafts well: how many of its drafts are accepted on text that it was not trained on. */
@Timeout(value = 2, unit = TimeUnit.MINUTES)
class AcceptanceTest {
  private static final int EXIT_LAYER = 3;
  private static final WindowPolicy WINDOW = WindowPolicy.sequential(4);
  private static final int PROMPTS = 20;
  private static final int PROMPT_CHARACTERS = 200;
  private static final int TOKENS = 64;

  private static DraftModel draft;
  private static VerifyModel verify;
  private static List<TokenIds> prompts;

  @BeforeAll
  static void open() {
    EngineOptions options = SplitModel.unshared(EngineOptions.of(Fixtures.bundledModel()).withExitLayer(EXIT_LAYER));
    draft = DraftModel.open(options, (done, total) -> {});
    verify = VerifyModel.open(options, false, (done, total) -> {});
    prompts = unseenPrompts();
  }

  @AfterAll
  static void close() {
    draft.close();
    verify.close();
  }

  @Test
  void shouldAcceptAsManyDraftTokensAsTheReferenceSimulationOfSharedNoise() {
    Tally sampled = decodeAll("temperature 0.8", seed -> SamplingParams.sampled(0.8, seed));
    assertThat(sampled.stats.acceptanceRate()).isGreaterThanOrEqualTo(0.45);
    assertThat(sampled.stats.meanAcceptanceLength()).isGreaterThanOrEqualTo(2.7);
  }

  @Test
  void shouldAgreeWithTheWholeModelOnTheLikeliestTokenAsOftenAsTheReference() {
    Tally greedy = decodeAll("greedy", _ -> SamplingParams.GREEDY);
    assertThat(greedy.agreement()).isBetween(0.60, 0.75);
  }

  /**
   * The result of all drafts together.
   *
   * @param compared draft tokens up to the first rejected one of each round: they were compared on the same prefix
   */
  private record Tally(DecodeStats stats, long compared) {
    private static final Tally NONE = new Tally(DecodeStats.NONE, 0);

    private Tally plus(Tally other) {
      return new Tally(stats.plus(other.stats), compared + other.compared);
    }

    /** How often a draft token was the whole model's choice after the same prefix. */
    private double agreement() {
      return (double) stats.acceptedTokens() / compared;
    }
  }

  private static Tally decodeAll(String name, LongFunction<SamplingParams> sampling) {
    var host = new LocalSessionHost(draft::drafter, () -> new LocalVerifier(verify));
    List<CompletionStage<Tally>> runs =
        IntStream.range(0, PROMPTS).mapToObj(i -> decode(host, i, sampling.apply(i))).toList();
    Tally all = runs.stream().map(run -> run.toCompletableFuture().join()).reduce(Tally.NONE, Tally::plus);
    System.out.printf(
        "E = %d, K = %d, %s: acceptance rate %.3f, mean acceptance length %.2f, agreement %.3f, %d rounds%n",
        EXIT_LAYER, WINDOW.draftTokens(), name, all.stats.acceptanceRate(), all.stats.meanAcceptanceLength(),
        all.agreement(), all.stats.rounds());
    return all;
  }

  /** Decodes and checks that no layer ran a row twice: prompt − 1 rows, and K + 1 for each round. */
  private static CompletionStage<Tally> decode(SessionHost host, int index, SamplingParams sampling) {
    TokenIds prompt = prompts.get(index);
    var stops = new StopRule(TokenIds.empty(), TOKENS, draft.model().config().maxPositions());
    var rows = new AtomicLong(prompt.length() - 1);
    var compared = new AtomicLong();
    TokenSink sink = round -> {
      int drafted = round.drafted().length();
      rows.addAndGet(drafted + 1);
      compared.addAndGet(Math.min(drafted, round.accepted() + 1));
    };
    return host.open(new SessionSpec(new SessionKey(index, 0), prompt, stops, sampling, WINDOW), sink).outcome()
        .thenApply(outcome -> {
          assertThat(outcome.committed().length()).isEqualTo(TOKENS);
          assertThat(outcome.stats().earlyRows()).as("early rows").isEqualTo(rows.get());
          assertThat(outcome.stats().lateRows()).as("late rows").isEqualTo(rows.get());
          return new Tally(outcome.stats(), compared.get());
        });
  }

  /** Evenly spread over the last tenth of the text, which was not trained on. */
  private static List<TokenIds> unseenPrompts() {
    String text = Fixtures.tinyShakespeare();
    int start = text.length() - text.length() / 10;
    int stride = (text.length() - start - PROMPT_CHARACTERS) / PROMPTS;
    try (Tokenizer tokenizer = Tokenizer.open(TokenizerFiles.read(Fixtures.bundledModel()))) {
      return IntStream.range(0, PROMPTS)
          .map(i -> start + i * stride)
          .mapToObj(from -> tokenizer.encode(text.substring(from, from + PROMPT_CHARACTERS)))
          .toList();
    }
  }
}
